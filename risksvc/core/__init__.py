"""The pure core: every decision as a function of what has happened. Standard library only; `now` is an argument."""
