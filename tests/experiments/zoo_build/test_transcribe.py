import pytest
from published_csv import COUNTS, CSV, write_tables

from experiments.zoo_build.published_sources import ABOUT
from experiments.zoo_build.published_tables import TABLES
from experiments.zoo_build.transcribe import transcribe
from ptmrec.errors import ArtifactError


def test_every_table_is_known_and_transcribed(tiny):
    assert set(tiny) == set(TABLES) == set(ABOUT) == set(COUNTS)
    for zoo in tiny.values():
        assert zoo.about.regime == ABOUT[zoo.name].regime
        assert all(card["family"] for card in zoo.cards.values())


@pytest.mark.parametrize(
    ("name", "file", "text", "words"),
    [
        ("lovm", "lovm_gt_long.csv", None, "lovm_gt_long.csv: file not found"),
        ("lovm", "lovm_gt_long.csv", "", "not readable as CSV"),
        ("lovm", "lovm_gt_long.csv", "dataset,model\na,b\n", "no column 'model_fullname'; it has dataset, model"),
        (
            "emms_vit",
            "emms_vit_gt.csv",
            "dataset,model,finetune_acc\np,m,101\n",
            "accuracy 1.01 of 'm' on 'p' is not in",
        ),
        ("emms_vit", "emms_vit_gt.csv", "dataset,model,finetune_acc\np,m,high\n", "is not in 0..1"),
        ("emms_vit", "emms_vit_gt.csv", "dataset,model,finetune_acc\np,m,1\np,m,2\n", "is there twice"),
        (
            "openclip",
            "openclip_model_profile.csv",
            "model,image_size,embed_dim,image_mparams,image_gflops\n",
            "a model without a card",
        ),
        ("parc_all", "parc_oracle_all.csv", CSV["parc_oracle_all.csv"].replace("89.97", "-3"), "is not in 0..1"),
    ],
)
def test_tables_that_cannot_be_used_are_one_line_and_write_nothing(tmp_path, name, file, text, words):
    folder = write_tables(tmp_path / "csv")
    (folder / file).unlink() if text is None else (folder / file).write_text(text)
    with pytest.raises(ArtifactError) as caught:
        transcribe(folder, tmp_path / "json", [name])
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "json").exists()
