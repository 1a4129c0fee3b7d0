"""Wire: any bytes are either an ONNX model's contents or a ModelError, never anything else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from consilium.core.errors import ModelError
from consilium.models.wire import contents, seal_of

MODEL = helper.make_model(helper.make_graph([helper.make_node("Neg", ["X"], ["Y"])], "g", [], []))
helper.set_model_props(MODEL, {"key": "value", "empty": "", "中文": "字"})


def test_graph_and_metadata_are_read():
    held = contents(MODEL.SerializeToString())
    assert held.graph == MODEL.graph.SerializeToString()
    assert held.metadata == {"key": "value", "empty": "", "中文": "字"}


@given(st.binary(max_size=200))
def test_any_bytes(data):
    try:
        held = contents(data)
    except ModelError:
        return
    assert held.graph in data


@settings(max_examples=200)
@given(st.data())
def test_a_model_with_a_byte_changed_is_read_or_refused(data):
    whole = bytearray(MODEL.SerializeToString())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    try:
        held = contents(bytes(whole))
    except ModelError:
        return
    assert isinstance(held.graph, bytes)


def test_two_graphs_are_refused():
    with pytest.raises(ModelError, match="2 graphs"):
        contents(MODEL.SerializeToString() * 2)


def test_the_seal_binds_graph_and_description():
    assert seal_of(b"ab", "c") == seal_of(b"ab", "c")
    assert len({seal_of(b"ab", "c"), seal_of(b"a", "bc"), seal_of(b"abc", ""), seal_of(b"", "abc")}) == 4
