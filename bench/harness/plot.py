"""The results as one picture. Needs matplotlib (bench/requirements.txt)."""

from collections.abc import Sequence
from pathlib import Path

from bench.harness.compare import Line

OURS, PEER, GOAL = "#1f6f54", "#b9c4c9", "#c0392b"


def draw(lines: Sequence[Line], ours: str, peer: str, target: Path) -> None:
    """Writes `target` (its suffix says the format): a bar per case, our share of the peer's figure.

    Raises ModuleNotFoundError when matplotlib is not installed.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "bench"  # the same figures give the same file
    from matplotlib import pyplot

    drawn = [line for line in lines if line.ratio is not None]
    figure, axes = pyplot.subplots(figsize=(10, 0.34 * len(drawn) + 1.6), layout="constrained")
    for place, line in enumerate(drawn):
        assert line.ratio is not None
        axes.barh(place, 1.0, color=PEER, height=0.72)
        axes.barh(place, line.ratio.middle, color=OURS, height=0.72)
        axes.plot([line.ratio.low, line.ratio.high], [place, place], color="black", linewidth=1)
        for verdict in line.verdicts:
            if verdict.goal.to is None:
                edge = verdict.goal.at_most
                axes.plot([edge, edge], [place - 0.45, place + 0.45], color=GOAL, linewidth=2)
        label = f" {line.ratio.middle:.2f}   ({line.middles[ours]:,.3g} {line.measured.case.unit})"
        inside = line.ratio.middle < 0.75
        axes.text(
            line.ratio.middle if inside else 0.01,
            place,
            label,
            va="center",
            fontsize=8,
            color="black" if inside else "white",
        )
    axes.set_yticks(range(len(drawn)), [line.measured.case.title for line in drawn], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, max([1.05, *(line.ratio.high * 1.05 for line in drawn if line.ratio)]))
    axes.set_xlabel(f"{ours} as a share of {peer} (= 1); smaller is better; red: the goal")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)
    pyplot.close(figure)
