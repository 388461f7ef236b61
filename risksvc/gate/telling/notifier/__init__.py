"""Tells people, in a process of its own: apprise blocks and is large; its hang or death never reaches the gate."""
