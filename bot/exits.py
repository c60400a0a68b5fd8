"""How a command ends: its exit code, and the sentence for the operator."""

OK, FAILED, USAGE, LOCKED, TOKEN = 0, 1, 2, 3, 4  # 2 is also argparse's own


class Exit(Exception):
    """The command ends here. The message is a sentence for the operator."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code
