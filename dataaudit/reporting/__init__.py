"""Reporting: an Audit in, what people and machines read out.

In: Audit, and the Dataset for pictures, texts and values of samples.
Out: report.html, audit.json and the other files, the lines of the terminal.
Stays out: torch, and any figure that the audit does not hold.
"""
