from ptmrec.images.account import Account


def test_found_is_used_and_left_out():
    account = Account()
    assert account.lines(5) == [] and account.found(5) == 5
    account.leave("of .txt, no images", ["a.txt", "b.txt", "c.txt", "d.txt"])
    account.leave("in the test part", count=3)
    account.leave("never said")
    assert account.found(5) == 12
    assert account.lines(5) == [
        "found 12 = used 5 + left out 7: 4 of .txt, no images (a.txt, b.txt, c.txt, ...); 3 in the test part"
    ]
    assert [row["count"] for row in account.to_dict()["left_out"]] == [4, 3]


def test_what_was_read_otherwise_is_said_once():
    account = Account()
    for text in ("the list is in UTF-16", "channels come first", "the list is in UTF-16"):
        account.note(text)
    assert account.lines(2) == ["read as: the list is in UTF-16; channels come first"]
