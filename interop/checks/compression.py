"""What compressed messages are made of, and whether they were compressed as agreed."""

import random
from collections.abc import Sequence
from typing import Literal

from harness.tap import Direction, inflate

HEX = random.Random(1).randbytes(2048).hex()
"""It compresses to little more than half, and to nothing if it was the message before."""


def _far_repeats() -> str:
    """A text that repeats itself at distances on both sides of every window size."""
    source = random.Random(7692)
    return "".join(2 * source.randbytes(half).hex() for half in (100, 350, 700, 1500, 3000, 6000, 12000))


TEXTS = [HEX, HEX, "ä" * 3000, _far_repeats(), "", "short"]


def used_as_agreed(
    direction: Direction,
    messages: Sequence[str | bytes],
    parameters: dict[str, str | None],
    side: Literal["client", "server"],
) -> None:
    """Asserts that a side compressed the messages, which begin with HEX twice, within what was agreed."""
    window_bits = int(parameters.get(f"{side}_max_window_bits") or 15)
    takeover = f"{side}_no_context_takeover" not in parameters
    found = direction.messages()
    sizes = [sum(len(frame.payload) for frame in message) for message in found]
    expected = [message.encode() if isinstance(message, str) else message for message in messages]
    assert inflate(found, window_bits=window_bits, takeover=takeover) == expected, "the messages decode to something else"
    assert found[0][0].rsv1, "a message that compresses well went uncompressed (RSV1 is clear)"
    assert sizes[0] < len(HEX) * 0.7, f"{len(HEX)} bytes of hex digits took {sizes[0]} bytes on the wire"
    if not takeover:
        assert sizes[1] > len(HEX) * 0.4, "the context was kept although no_context_takeover was agreed"
    elif window_bits >= 13:  # the window reaches back to the whole message before
        assert sizes[1] < 200, f"the context was not kept: the same message again took {sizes[1]} bytes"
