"""Names and labels of everything that is told to Prometheus."""

CONTRACT = {
    "syncd_build_info": {"version"},
    "syncd_convergence_lag_seconds": {"connection"},
    "syncd_connection_paused": {"connection"},
    "syncd_last_pull_timestamp_seconds": {"connection"},
    "syncd_last_full_timestamp_seconds": {"connection"},
    "syncd_leads_linked": {"connection"},
    "syncd_dirty_leads": set(),
    "syncd_queue_jobs": {"kind", "state"},
    "syncd_quota_limit": {"connection", "group"},
    "syncd_quota_remaining": {"connection", "group"},
    "syncd_vendor_calls_total": {"connection", "endpoint", "outcome"},
    "syncd_vendor_call_seconds": {"connection"},
    "syncd_conflicts_open": set(),
    "syncd_reviews_open": set(),
    "syncd_plans_held": set(),
    "syncd_quarantined": {"connection"},
    "syncd_inbox_waiting": {"connection"},
    "syncd_webhooks_total": {"connection", "outcome"},
    "syncd_job_duration_seconds": {"job", "connection"},
    "syncd_jobs_total": {"job", "connection", "outcome"},
}
"""Name → labels. Whoever changes this breaks other people's dashboards."""
