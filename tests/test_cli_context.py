from cli_calls import call


def test_options_of_the_group_may_stand_after_the_command(tmp_path):
    (tmp_path / "c.ini").write_text("[ranker]\nepochs = 9\n")
    options = ["--config", tmp_path / "c.ini", "--profile=smoke", "--set", "ranker.width=32"]
    before, after = call(*options, "config"), call("config", *options)
    assert after.exit_code == 0
    assert after.stdout == before.stdout
    assert "[ranker] width = 32    (override)" in after.stdout
    assert "requires an argument" in call("config", "--set").stderr
    assert call("zoo", "list", "--format", "ids", "--profile", "fast").exit_code == 2
