"""Draws the golden numbers again, with Python's fractions and a ChaCha20 of its own, and counts the words.

    python3 golden_draws.py tests/golden/draws.txt

Written from docs/samplers.md and the head of that file; it needs Python alone. One line is said: OK, or where the
first difference is.
"""

import sys
from fractions import Fraction
from math import isqrt

MASK = 0xFFFFFFFF


class Words:
    """64-bit words of ChaCha20 under a key of 32 equal bytes, and how many were taken."""

    def __init__(self, seed):
        self.key = [int.from_bytes(bytes([seed] * 4), "little")] * 8
        self.block, self.ready, self.taken = 0, [], 0

    def next(self):
        if not self.ready:
            self.ready = self.make()
        self.taken += 1
        return self.ready.pop(0)

    def make(self):
        constants = [int.from_bytes(b"expand 32-byte k"[at : at + 4], "little") for at in range(0, 16, 4)]
        start = constants + self.key + [self.block & MASK, self.block >> 32, 0, 0]
        self.block += 1
        state = list(start)

        def turn(x, by):
            return (x << by | x >> 32 - by) & MASK

        def quarter(a, b, c, d):
            for one, two, three, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                state[one] = (state[one] + state[two]) & MASK
                state[three] = turn(state[three] ^ state[one], by)

        for _ in range(10):
            for at in range(4):
                quarter(at, 4 + at, 8 + at, 12 + at)
            for at in range(4):
                quarter(at, 4 + (at + 1) % 4, 8 + (at + 2) % 4, 12 + (at + 3) % 4)
        out = [(x + y) & MASK for x, y in zip(state, start)]
        return [out[at] | out[at + 1] << 32 for at in range(0, 16, 2)]


def below(words, n):
    """Uniform on 0..n: words from the low end, the last cut to the bits that n - 1 has; refused if too large."""
    bits = (n - 1).bit_length()
    count = -(-bits // 64)
    while True:
        number = 0
        for at in range(count):
            word = words.next()
            if at + 1 == count:
                word >>= 64 * count - bits
            number |= word << 64 * at
        if number < n:
            return number


def chance(words, p):
    """True with probability p: a real, drawn 64 binary digits at a time, is less than p. 1 takes no word."""
    if p == 1:
        return True
    while True:
        p *= 1 << 64
        digits = p.numerator // p.denominator
        p -= digits
        word = words.next()
        if word != digits:
            return word < digits
        if p == 0:
            return False


def series(words, p):
    """True with probability exp(-p), for p in [0, 1]."""
    k = 1
    while chance(words, p) and (k == 1 or chance(words, Fraction(1, k))):
        k += 1
    return k % 2 == 1


def exp(words, g):
    """True with probability exp(-g)."""
    whole = g.numerator // g.denominator
    return all(series(words, Fraction(1)) for _ in range(whole)) and series(words, g - whole)


def laplace(words, scale):
    num, den = scale.numerator, scale.denominator
    while num:
        u = below(words, num)
        if not series(words, Fraction(u, num)):
            continue
        v = 0
        while series(words, Fraction(1)):
            v += 1
        size = (u + num * v) // den
        negative = words.next() >> 63 == 1
        if size or not negative:
            return -size if negative else size
    return 0


def gaussian(words, variance):
    if not variance:
        return 0
    t = isqrt(variance.numerator // variance.denominator) + 1
    while True:
        y = laplace(words, Fraction(t))
        if exp(words, (abs(y) - variance / t) ** 2 / (2 * variance)):
            return y


DRAW = {
    "below": lambda words, n: below(words, int(n)),
    "chance": lambda words, p: int(chance(words, p)),
    "exp": lambda words, g: int(exp(words, g)),
    "laplace": laplace,
    "gaussian": gaussian,
}


def main():
    lines = 0
    for at, line in enumerate(open(sys.argv[1], encoding="utf-8"), 1):
        if line.startswith("#"):
            continue
        kind, parameter, seed, taken, *golden = line.split()
        words = Words(int(seed))
        drawn = [DRAW[kind](words, Fraction(parameter)) for _ in golden]
        if drawn != [int(number) for number in golden] or words.taken != int(taken):
            print(f"OTHER line {at}: {kind} {parameter} takes {words.taken} words and gives {drawn}")
            sys.exit(1)
        lines += 1
    print(f"OK {lines} lines")


main()
