"""Incidents: what opened them, what is known, what is decided, who is told, by when. Pure."""
