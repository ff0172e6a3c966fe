"""What a simulated seed showed, and what of it must not be."""

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What there was to see. `shares` are of the athletes that had a backfill all the time, from
    when all of them had come. `unused` are the requests of each whole window but the first that
    backfills were allowed and nobody made.

    An athlete that a lie sent away until midnight does not have its share, so lies have no shares.
    `forgotten`: requests of one athlete that only a lost Redis knew of, and that it makes again.
    """

    beyond: list = field(default_factory=list)
    into_reserve: list = field(default_factory=list)
    shares: dict[str, int] = field(default_factory=dict)
    forgotten: int = 0
    requests: int = 0
    unused: list[int] = field(default_factory=list)
    is_calm: bool = True

    def faults(self) -> list[str]:
        found = (
            [f"{len(self.beyond)} requests beyond a window: {self.beyond[0]}"]
            if self.beyond
            else []
        )
        if self.into_reserve:
            found.append(
                f"{len(self.into_reserve)} requests into the reserve: {self.into_reserve[0]}"
            )
        if self.shares:
            fair = sum(self.shares.values()) / len(self.shares)
            worst = max(abs(each - fair) for each in self.shares.values())
            if worst > max(0.1 * fair, 2) + self.forgotten:
                found.append(f"shares are not fair: {self.shares}")
        if self.is_calm and self.unused and max(self.unused) > 3:
            found.append(f"requests that nobody made although they were allowed: {self.unused}")
        return found
