"""`risksvc review`: what an incident cost, from the journal, from files, or from the venue's own history.

`command` has the options and `running` the steps; `sources` gives what is reviewed (the journal, `files`,
`venue_source`); the sum is done by `risksvc.core.impact.review`; `sections` says everything in one plain shape
(`document`), and `markdown` and `html` write that down, `exact` every figure. Nothing here computes a cost, and nothing
here asks the venue to do anything.
"""
