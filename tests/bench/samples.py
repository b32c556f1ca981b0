"""What repeated runs say: minimum, median, maximum, and how far a ratio of two medians can be trusted."""

import random
import statistics
from dataclasses import dataclass

FEW_ROUNDS = 6
RESAMPLES = 2000
MAX_WIDTH = 1.25  # of an interval, its end divided by its start


@dataclass(frozen=True)
class Spread:
    minimum: float
    median: float
    maximum: float

    @property
    def percent(self):
        """How far the extremes are apart, of the median."""
        return 100 * (self.maximum - self.minimum) / self.median if self.median else 0.0


def spread(values):
    return Spread(min(values), statistics.median(values), max(values))


@dataclass(frozen=True)
class Ratio:
    """A ratio of two medians, and the interval that it is in with a probability of 95 %."""

    value: float
    low: float
    high: float

    @property
    def doubt(self):
        """Why the ratio says nothing, or little; empty when it can be relied on."""
        if self.high > self.low * MAX_WIDTH:
            return "unclear: the runs differ too much"
        return "no difference" if self.low <= 1 <= self.high else ""

    def times(self, factor):
        return Ratio(self.value * factor, self.low * factor, self.high * factor)

    def is_unsure_of(self, limit):
        return self.low <= limit <= self.high and self.low < self.high


def ratio(ours, theirs):
    """Of two lists of samples, taken in the same rounds.

    The interval is a percentile bootstrap over the rounds: what disturbs a round disturbs both. Few
    rounds have too few resamples for that: then it is from the least to the greatest possible ratio.
    """
    value = statistics.median(ours) / statistics.median(theirs)
    if min(len(ours), len(theirs)) < FEW_ROUNDS:
        return Ratio(value, min(ours) / max(theirs), max(ours) / min(theirs))
    source = random.Random(1)  # the same samples always have the same interval
    pairs, drawn = list(zip(ours, theirs)), []
    for _ in range(RESAMPLES):
        a, b = zip(*source.choices(pairs, k=len(pairs)))
        drawn.append(statistics.median(a) / statistics.median(b))
    drawn.sort()
    return Ratio(value, drawn[RESAMPLES * 25 // 1000], drawn[RESAMPLES * 975 // 1000 - 1])
