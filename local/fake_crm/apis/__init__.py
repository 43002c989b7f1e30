"""Endpoints that set a score, each as strict as the CRMs that have its shape; `update_endpoint` serves them all."""
