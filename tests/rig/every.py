"""One test over many files: it names each that fails, and costs one test."""

from collections.abc import Callable, Sequence


def for_every(files: Sequence[str]) -> Callable[[Callable[[str], None]], Callable[[], None]]:
    """Run a test for each of *files*, and fail with all that it found."""

    def over(test: Callable[[str], None]) -> Callable[[], None]:
        def run() -> None:
            assert files, "a test over no file proves nothing"
            wrong = []
            for file in files:
                try:
                    test(file)
                except AssertionError as error:
                    wrong.append(f"{file}: {error}")
            assert not wrong, "\n".join(wrong)

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return run

    return over
