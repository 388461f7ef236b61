"""The drill's acts, in order. The operators type what was printed; the acts check what came of it, record by record."""

from risksvc.cli.demo.cast import Cast
from risksvc.cli.demo.timeline import CheckFailedError, Timeline
from risksvc.cli.drill import act_aftermath, act_divergence, act_exit
from risksvc.cli.drill.led import Led
from risksvc.cli.drill.receivers import Receivers
from risksvc.cli.drill.world import DrillWorld


def play(world: DrillWorld, receivers: Receivers, timeline: Timeline) -> None:
    """Plays everything; what fails ends it, and is told."""
    try:
        timeline.say("world", "starting Redis, paper venue, gate, venue process with the trade key, two strategies")
        world.begin()
        cast = Cast(world, timeline)
        alice, bob = Led(world, timeline, "alice"), Led(world, timeline, "bob")
        incident = act_divergence.happen(cast, receivers)
        act_exit.assess_and_decide(cast, alice, incident)
        act_exit.flatten(cast, alice, incident)
        act_aftermath.resume(cast, alice, bob)
        act_aftermath.review(cast, alice, incident)
        act_aftermath.close(cast, alice, receivers, incident)
    except CheckFailedError as error:
        timeline.failed(str(error))
        print(world.last_words())
