from diagram_checks import assert_a_good_diagram

from experiments.figures import pipeline_diagrams


def test_weights():
    assert_a_good_diagram(pipeline_diagrams.draw_weights_pipeline, 50, 8192, 512)
    assert_a_good_diagram(pipeline_diagrams.draw_weights_pipeline, 7, 64, 32)


def test_dataset():
    assert_a_good_diagram(pipeline_diagrams.draw_dataset_pipeline, 5, 512, 12)


def test_transport():
    assert_a_good_diagram(pipeline_diagrams.draw_transport, 7, 1200, 384)
    assert_a_good_diagram(pipeline_diagrams.draw_transport, 12, 90000, 1024)
