"""The requests per second as one picture. Needs matplotlib (bench/requirements.txt)."""

from pathlib import Path
from statistics import median

from bench.serving.report import Outcome

OURS, PEERS, FLOOR = "#1f6f54", "#b9c4c9", "#d9a441"
SHOWN = ("json", "params", "body", "def")


def draw(outcome: Outcome, target: Path) -> None:
    """Writes `target` (its suffix says the format): a column of bars per endpoint.

    Raises ModuleNotFoundError when matplotlib is not installed.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "bench"  # the same figures give the same file
    from matplotlib import pyplot

    results = outcome.results
    shown = [each for each in outcome.endpoints if each.name in SHOWN] or outcome.endpoints[:4]
    peers = [
        peer for peer in outcome.peers if any(results.of(each.name, peer.name) for each in shown)
    ]
    figure, axes = pyplot.subplots(
        1,
        len(shown),
        figsize=(3.6 * len(shown) + 2, 0.34 * len(peers) + 1.4),
        layout="constrained",
        sharey=True,
        squeeze=False,
    )
    for axis, endpoint in zip(axes[0], shown, strict=True):
        for place, peer in enumerate(peers):
            rates = [each.rate for each in results.of(endpoint.name, peer.name)]
            if not rates:
                continue
            floor = peer.name in ("limit", "bare")
            colour = FLOOR if floor else OURS if peer.framework == "Trivium" else PEERS
            axis.barh(place, median(rates), color=colour, height=0.72)
            axis.plot([min(rates), max(rates)], [place, place], color="black", linewidth=1)
            axis.text(max(rates), place, f"  {median(rates):,.0f}", va="center", fontsize=7)
        axis.set_title(endpoint.title.replace("`", ""), fontsize=9)
        axis.margins(x=0.2)
        axis.tick_params(labelsize=7)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    names = [f"{peer.framework}, {peer.server}" for peer in peers]
    axes[0][0].set_yticks(range(len(peers)), names, fontsize=8)
    axes[0][0].invert_yaxis()
    figure.supxlabel("requests per second, one core; larger is better", fontsize=8)
    figure.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)
    pyplot.close(figure)
