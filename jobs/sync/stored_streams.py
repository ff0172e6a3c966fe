"""Encodes the samples of an activity, and writes them."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from db.statements import stream as streams
from db.stream_codec import Samples, encode, encode_positions


@dataclass(frozen=True, slots=True)
class EncodedStreams:
    """The values of a row of `activity_streams`."""

    sample_count: int
    samples: bytes
    positions: bytes | None
    duration_s: float

    @classmethod
    def from_samples(cls, samples: Samples) -> "EncodedStreams":
        """Encode samples. Raises ValueError where the columns differ in length."""
        count = len(samples.time_s)
        return cls(
            count,
            encode(samples),
            encode_positions(samples),
            float(samples.time_s[-1]) if count else 0.0,
        )


def store_streams(connection: Connection, activity_id: int, encoded: EncodedStreams) -> None:
    """Replace what is stored of an activity's samples."""
    connection.execute(streams.store(), {"activity_id": activity_id, **asdict(encoded)})
