"""What a person looks at: self-contained HTML pages."""

from tma_prep.report.check_report import render_check_report

__all__ = ["render_check_report"]
