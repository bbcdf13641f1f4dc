"""Measures vector search libraries and Trendex in one run, pass by pass in turn."""
