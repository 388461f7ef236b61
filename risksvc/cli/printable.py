"""Text from outside must not steer the terminal of the person who reads it."""


def printable(text: str) -> str:
    """Return the text with everything that is not printable (escape codes, line ends) as a question mark."""
    return "".join(character if character.isprintable() else "?" for character in text)
