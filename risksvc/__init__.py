"""A pre-trade risk gate: strategies ask it before every order; it halts trading itself when belief and venue part."""

__version__ = "0.1.0"
