"""Ranges of large files."""

from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from asynctask_stage.data.pieces import Piece, combined, gaps

pieces = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=8)


@given(pieces=pieces, size=st.integers(0, 300), chunk=st.integers(1, 100))
def test_gaps_and_pieces_cover_the_file_once(pieces, size, chunk):
    kept = [Piece(start, length, None) for start, length in pieces]
    covered = {byte for start, length in pieces for byte in range(start, start + length)}
    found = list(gaps(kept, size, chunk))

    missing = [byte for start, end in found for byte in range(start, end)]
    assert missing == [byte for byte in range(size) if byte not in covered]
    assert all(0 < end - start <= chunk for start, end in found)


def test_one_piece_is_the_file_and_more_are_hashed_in_order():
    one, two = blake3(b"1").digest(), blake3(b"2").digest()
    assert combined([Piece(0, 1, one)]) == one
    assert combined([Piece(1, 1, two), Piece(0, 1, one)]) == blake3(one + two).digest()
    assert combined([Piece(0, 1, one), Piece(1, 1, None)]) is None
    assert combined([]) is None
