"""Draws choosing.en.png and choosing.zh.png: `python3 choosing.py`, with matplotlib and the font WenQuanYi Zen Hei."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

WORDS = {
    "en": {
        "titles": ["Budget: four times as much halves the error", "Bounds: too low bends, too high drowns", "Blocks: more of them, less noise"],
        "across": ["rho spent", "upper bound", "blocks"],
        "up": ["half of the 95 % interval", "error of the total, in % of it", "error of a median, in yuan"],
        "bounds": ["a count: a unit adds 0 or 1", "a sum: a unit adds up to 100", "a sum: a unit adds up to 1,000"],
        "parts": ["what clamping takes away", "noise, 95 %", "both"],
        "blocks": ["noise, 95 %", "smaller blocks, rougher medians"],
    },
    "zh": {
        "titles": ["预算：四倍预算，误差减半", "界限：过低会偏，过高会被噪声淹没", "分块：块越多，噪声越小"],
        "across": ["花费的 rho", "上界", "分块数"],
        "up": ["95 % 区间的一半", "合计的误差，占合计的 %", "中位数的误差（元）"],
        "bounds": ["计数：一个单元加 0 或 1", "求和：一个单元至多加 100", "求和：一个单元至多加 1000"],
        "parts": ["被截去的部分", "噪声，95 %", "两者之和"],
        "blocks": ["噪声，95 %", "分块变小，中位数变粗糙"],
    },
}
BLUE, BROWN = "#1f5fa8", "#a8571f"


def interval(bound, rho):
    """Half of the 95 % interval of a total to which a unit adds at most `bound`, for this much rho."""
    return 1.96 * bound / np.sqrt(2 * rho)


def main():
    random = np.random.default_rng(7)
    # What 2,000 enterprises of one group would add, and what 20,000 people earn.
    added, earned = random.lognormal(4.0, 1.3, 2_000), random.lognormal(8.6, 0.5, 20_000)
    bounds, blocks = np.geomspace(10, 20_000, 120), np.array([10, 20, 50, 100, 200, 500, 1_000, 2_000])
    clamped = np.array([(added - np.minimum(added, bound)).sum() for bound in bounds]) / added.sum() * 100
    drowned = interval(bounds, 0.01) / added.sum() * 100
    rough = [np.mean([miss(random, earned, count) for _ in range(8)]) for count in blocks]
    for language, words in WORDS.items():
        draw(language, words, bounds, clamped, drowned, blocks, rough)


def miss(random, earned, count):
    """How far the average of the blocks' medians is from the median."""
    medians = [np.median(block) for block in np.array_split(random.permutation(earned), count)]
    return abs(np.mean(medians) - np.median(earned))


def draw(language, words, bounds, clamped, drowned, blocks, rough):
    fonts = {"font.size": 9, "font.family": ["DejaVu Sans", "WenQuanYi Zen Hei"]}
    plt.rcParams.update(fonts | {"axes.spines.top": False, "axes.spines.right": False})
    figure, (budget, bound, block) = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
    rho = np.geomspace(0.001, 1, 100)
    for most, label, style in zip([1, 100, 1_000], words["bounds"], ["-", "--", ":"]):
        budget.loglog(rho, interval(most, rho), style, color=BLUE, label=label)
    budget.set_ylim(0.02, 1e5)
    for part, label, style, color in zip([clamped, drowned, clamped + drowned], words["parts"], ["--", ":", "-"], [BROWN, BLUE, "#222"]):
        bound.semilogx(bounds, part, style, color=color, label=label)
    bound.set_ylim(0, 60)
    block.loglog(blocks, interval(20_000, 0.1) / blocks, ":", color=BLUE, label=words["blocks"][0])
    block.loglog(blocks, rough, "--", color=BROWN, label=words["blocks"][1])
    places = ["lower left", "upper center", "upper right"]
    for axes, title, across, up, place in zip(figure.axes, words["titles"], words["across"], words["up"], places):
        axes.set(title=title, xlabel=across, ylabel=up)
        axes.legend(frameon=False, fontsize=8, loc=place)
    figure.savefig(f"choosing.{language}.png", dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
