"""The six acts, in order. Each says what it does, does it with real processes, and checks what came of it."""

from risksvc.cli.demo import act_breaches, act_incident, act_opening, act_recovery, act_survival
from risksvc.cli.demo.cast import Cast
from risksvc.cli.demo.timeline import CheckFailedError, Timeline
from risksvc.cli.demo.world import World


def play(world: World, timeline: Timeline) -> None:
    """Plays everything; what fails ends it, and is told."""
    try:
        timeline.say("world", "starting Redis, paper venue, gate, venue process, two strategies")
        world.begin()
        cast = Cast(world, timeline)
        act_opening.trade(cast)
        act_breaches.attempt(cast)
        act_breaches.reload(cast)
        incident = act_incident.happen(cast)
        act_recovery.recover(cast, incident)
        act_survival.survive(cast)
    except CheckFailedError as error:
        timeline.failed(str(error))
        print(world.last_words())
