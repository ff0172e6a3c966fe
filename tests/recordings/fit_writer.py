"""Writes FIT files for tests, to the byte: small, and odd where a test wants it so."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from recordings.fit_message import EPOCH_S

MESSAGES = {
    "file_id": 0,
    "sport": 12,
    "workout": 26,
    "session": 18,
    "lap": 19,
    "record": 20,
    "event": 21,
    "device_info": 23,
    "activity": 34,
    "hr": 132,
    "field_description": 206,
    "developer_data_id": 207,
}
FIELDS = {
    "file_id": {"type": (0, "enum"), "manufacturer": (1, "u16"), "product": (2, "u16")},
    "sport": {"sport": (0, "enum"), "sub_sport": (1, "enum")},
    "workout": {"wkt_name": (8, "text")},
    "session": {
        "timestamp": (253, "u32"),
        "start_time": (2, "u32"),
        "sport": (5, "enum"),
        "sub_sport": (6, "enum"),
        "total_elapsed_time": (7, "u32"),
        "total_timer_time": (8, "u32"),
        "total_distance": (9, "u32"),
        "total_calories": (11, "u16"),
        "total_ascent": (22, "u16"),
    },
    "lap": {
        "timestamp": (253, "u32"),
        "start_time": (2, "u32"),
        "total_elapsed_time": (7, "u32"),
        "total_timer_time": (8, "u32"),
        "total_distance": (9, "u32"),
        "total_calories": (11, "u16"),
        "avg_heart_rate": (15, "u8"),
        "max_heart_rate": (16, "u8"),
    },
    "record": {
        "timestamp": (253, "u32"),
        "position_lat": (0, "i32"),
        "position_long": (1, "i32"),
        "altitude": (2, "u16"),
        "heart_rate": (3, "u8"),
        "cadence": (4, "u8"),
        "distance": (5, "u32"),
        "speed": (6, "u16"),
        "power": (7, "u16"),
        "temperature": (13, "i8"),
    },
    "device_info": {
        "device_index": (0, "u8"),
        "manufacturer": (2, "u16"),
        "product_name": (27, "text"),
    },
    "activity": {"timestamp": (253, "u32"), "local_timestamp": (5, "u32")},
    "hr": {
        "timestamp": (253, "u32"),
        "filtered_bpm": (6, "u8"),
        "event_timestamp": (9, "u32"),
        "event_timestamp_12": (10, "byte"),
    },
    "developer_data_id": {"developer_data_index": (3, "u8")},
    "field_description": {
        "developer_data_index": (0, "u8"),
        "field_definition_number": (1, "u8"),
        "fit_base_type_id": (2, "u8"),
        "field_name": (3, "text"),
        "scale": (6, "u8"),
        "native_field_num": (15, "u8"),
    },
}
TYPES = {
    "enum": (0x00, "B", 0xFF),
    "i8": (0x01, "b", 0x7F),
    "u8": (0x02, "B", 0xFF),
    "text": (0x07, "s", b""),
    "byte": (0x0D, "B", 0xFF),
    "u16": (0x84, "H", 0xFFFF),
    "i32": (0x85, "i", 0x7FFFFFFF),
    "u32": (0x86, "I", 0xFFFFFFFF),
}
ACTIVITY, COURSE, SETTINGS = 4, 6, 2
RUNNING, CYCLING, SWIMMING = 1, 2, 5
SEMICIRCLES = 2**31 / 180


@dataclass
class FitWriter:
    """Collects messages; `data()` is the file. `None` is written as "no value"."""

    body: bytearray = field(default_factory=bytearray)
    _defined: dict[int, tuple] = field(default_factory=dict)

    def add(self, message: str, *, local: int = 0, developer: Sequence = (), **values) -> None:
        """Add a message; `developer` holds (field number, application, value as one byte)."""
        self._define(message, local, developer, values)
        self.body.append(local)
        self._values(message, values)
        self.body += bytes(value for _, _, value in developer)

    def add_compressed(self, message: str, *, time_offset: int, local: int = 0, **values) -> None:
        """Add a message whose time is the low five bits only."""
        self._define(message, local, (), values)
        self.body.append(0x80 | local << 5 | time_offset & 0x1F)
        self._values(message, values)

    def data(self, *, body_size: int | None = None, checksum: int | None = None) -> bytes:
        size = len(self.body) if body_size is None else body_size
        header = struct.pack("<BBHI4s", 14, 0x20, 2140, size, b".FIT")
        header += struct.pack("<H", crc(header))
        whole = header + self.body
        return whole + struct.pack("<H", crc(whole) if checksum is None else checksum)

    def _define(self, message: str, local: int, developer: Sequence, values: dict) -> None:
        shape = (
            message,
            tuple((name, _count(value)) for name, value in values.items()),
            tuple(developer[i][:2] for i in range(len(developer))),
        )
        if self._defined.get(local) == shape:
            return
        self._defined[local] = shape
        self.body.append(0x40 | (0x20 if developer else 0) | local)
        self.body += struct.pack("<BBHB", 0, 0, MESSAGES[message], len(values))
        for name, value in values.items():
            number, kind = FIELDS[message][name]
            base, code, _ = TYPES[kind]
            size = _count(value) if kind == "text" else struct.calcsize(code) * _count(value)
            self.body += bytes((number, size, base))
        if developer:
            self.body.append(len(developer))
            for number, application, _ in developer:
                self.body += bytes((number, 1, application))

    def _values(self, message: str, values: dict) -> None:
        for name, value in values.items():
            _, code, nothing = TYPES[FIELDS[message][name][1]]
            if isinstance(value, bytes) and code == "s":
                self.body += value
                continue
            several = value if isinstance(value, list | tuple | bytes) else [value]
            for each in several:
                self.body += struct.pack(f"<{code}", nothing if each is None else each)


def _count(value) -> int:
    return len(value) if isinstance(value, list | tuple | bytes) else 1


def crc(data: bytes) -> int:
    """CRC-16/ARC a byte at a time, as a check on the way of the package."""
    value, steps = 0, _crc_steps()
    for byte in data:
        value = value >> 8 ^ steps[(value ^ byte) & 0xFF]
    return value


@cache
def _crc_steps() -> list[int]:
    steps = list(range(256))
    for _ in range(8):
        steps = [value >> 1 ^ 0xA001 if value & 1 else value >> 1 for value in steps]
    return steps


def fit_time(unix_s: float) -> int:
    return int(unix_s) - EPOCH_S


def semicircles(degrees: float) -> int:
    return round(degrees * SEMICIRCLES)
