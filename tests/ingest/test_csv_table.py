"""Tables kept as text: delimiter, encoding, column heads."""

from __future__ import annotations

import pytest

from ragedge.errors import SourceError
from ragedge.ingest import csv_table
from ragedge.ingest.delimited import find_delimiter, is_tabular
from ragedge.testing.loader_contract import LoaderContract


class TestCsv(LoaderContract):
    plugin = "csv"

    def make_loader(self):
        return csv_table.create({})

    def sample(self):
        return b"part,thread,torque\ndrain plug,M14,25\ncover,M6,9\n"


def table(data):
    [page] = csv_table.create({}).load(data, "a.csv").pages
    [block] = page.blocks
    assert block.kind == "table"
    return block.header_rows, page.text[block.start : block.end].split("\n")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter):
    rows = [["Part", "Torque (Nm)"], ["Drain plug", "25"], ["Cover", "9"]]
    data = "\n".join(delimiter.join(row) for row in rows).encode()
    assert table(data) == (1, ["Part | Torque (Nm)", "Drain plug | 25", "Cover | 9"])


def test_decimal_commas_do_not_win_over_semicolons():
    assert table(b"Teil;Moment;Spiel\nA;1,5;0,2\nB;2,5;0,3\n")[1][1] == "A | 1,5 | 0,2"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding):
    data = "Größe;Öl\nklein;5 °C\n".encode(encoding)
    assert table(data)[1] == ["Größe | Öl", "klein | 5 °C"]


def test_japanese_encoding():
    assert (
        table("部品,締付トルク\nドレンプラグ,25\nカバーのボルト,9\n".encode("shift_jis"))[1][1]
        == "ドレンプラグ | 25"
    )


def test_quoted_cells_keep_their_delimiters_and_lines():
    rows = table(b'code,meaning\n"E1","hot, very ""hot""\nand dry"\nE2,cold\n')[1]
    assert rows[1] == 'E1 | hot, very "hot" and dry'


def test_a_first_row_of_data_is_no_head():
    assert table(b"1,2,3\n4,5,6\n") == (0, ["1 | 2 | 3", "4 | 5 | 6"])


def test_a_title_above_the_heads_is_a_paragraph():
    page = csv_table.create({}).load(b"Torque list 2031\nPart,Nm\nPlug,25\nCover,9\n", "a.csv").pages[0]
    found = [(b.kind, b.header_rows, page.text[b.start : b.end]) for b in page.blocks]
    assert found == [("paragraph", 0, "Torque list 2031"), ("table", 1, "Part | Nm\nPlug | 25\nCover | 9")]


def test_rows_of_a_wide_table_name_their_own_columns():
    heads = [f"a rather long name of the column {i}" for i in range(12)]
    data = (",".join(heads) + "\n" + ",".join(str(i) for i in range(12)) + "\n" + ",5,,7\n").encode()
    heads_found, rows = table(data)
    assert heads_found == 0
    assert rows[1] == f"{heads[1]}: 5 | {heads[3]}: 7"


def test_an_unclosed_quote_loses_no_line():
    page = csv_table.create({}).load(b'a,b\n1,"2\n3,4\n5,drain plug\n', "a.csv").pages[0]
    assert "drain plug" in page.text


def test_only_delimiters_is_no_text():
    with pytest.raises(SourceError) as caught:
        csv_table.create({}).load(b",,,\n,,,\n", "a.csv")
    assert caught.value.code == "no_text"


def test_prose_is_no_table():
    prose = "Open the plug, drain the oil, close it.\nThen, when cold, fill up, slowly.\nCheck, then start.\nDone.\n"
    assert not is_tabular(prose)
    assert find_delimiter("no delimiters here\nnone at all\n") == ""
