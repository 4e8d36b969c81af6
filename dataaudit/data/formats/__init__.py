"""Dataset formats, one file a format: EVIDENCE, `matches(path)` and `load(path, reading, track)`: `dataset.Format`.
Those that `dataaudit apply` can mend have `rewrite(copy, reading, edits)` too.

`LAYOUT_KEYS` names the keys of dataaudit.toml's [layout], beside `format`, that a format heeds; without it, `label`. A
format's first line is shown to users whose data matches none.
"""
