"""The quality of a graph: what is missing, left over, doubled, apart or says nothing."""

from kgrec.graph.quality.report import QualityReport, quality_report

__all__ = ["QualityReport", "quality_report"]
