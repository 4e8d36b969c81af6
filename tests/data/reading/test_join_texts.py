"""Texts of several columns are joined; a missing one is empty, whatever it was read as."""

import numpy as np
import pandas as pd
import pytest

from dataaudit.data.reading.frames import join_texts


@pytest.mark.parametrize("missing", [None, np.nan, float("nan"), pd.NA, pd.NaT], ids=repr)
def test_a_missing_text_is_empty(missing: object) -> None:
    frame = pd.DataFrame({"title": ["a", missing], "body": [missing, "b"]}, dtype=object)
    assert join_texts(frame).tolist() == ["a\n", "\nb"]
    assert join_texts(frame[["body"]]).tolist() == ["", "b"]
