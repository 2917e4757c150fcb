"""Outputs as a run leaves them in a clone, but damaged: whoever reads one of them fails.

CI plants them before it tests (`.ci/run`). Only what is not there is written: the results of a user stay as they are.
"""

import sys
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "constants" / "results"
OF_A_RUN = (
    *("views/decoy.npz", "transport/decoy.npz", "autoencoder/autoencoder_last.pt", "model_tokens/decoy.npz"),
    *("relations/train/relations.npz", "rankers/final-0/ranker.safetensors", "knowledge/all/models.json"),
    *("recommender/recommender.json", "recommender/hashes.json", "recommender/knowledge/models.json"),
    *("steps/views.json", "steps/knowledge.json", "fusion/0/ranker.safetensors", "shards/views/decoy.npz"),
    *("registered/decoy.json", "measurements/decoy.json", "zoo_build/models/decoy/config.json"),
    *("origins/figures/quadrants.json", "runs/20000101_000000/01_data_prep.ipynb", "results/training.json"),
)
"""Files within an artifacts folder."""
OF_THE_THESIS = ("generated/numbers.tex", "generated/alternatives.tex", "generated/headline.tex", "figures/passes.pdf")
OF_LATEX = ("build/thesis.aux", "build/thesis.log", "build/thesis.bbl", "build/thesis.pdf")
TEXT = "\\decoy of a run {"
"""No JSON, no table, no archive, no picture, and an error to LaTeX."""


def decoys() -> list[str]:
    """Files by their place in a clone."""
    run = [*OF_A_RUN, *(f"results/{path.name}" for path in sorted(RESULTS.iterdir()))]
    runs = [f"artifacts/{profile}{name}" for profile in ("", "smoke/") for name in run]
    runs += [f"{folder}/{name}" for folder in ("artifacts/thesis", "artifacts/smoke/thesis") for name in OF_THE_THESIS]
    former = [f"thesis/{name}" for name in (*OF_THE_THESIS, *OF_LATEX)]
    return [*runs, *former, "figures/quadrants.pdf", "figures/quadrants.png", "artifacts/smoke/figures/quadrants.pdf"]


def plant(clone: Path) -> list[Path]:
    """Write the decoys that do not take the place of anything; gives them."""
    planted = [clone / name for name in decoys() if not (clone / name).exists()]
    for path in planted:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEXT)
    return planted


if __name__ == "__main__":
    plant(Path(sys.argv[1]))
