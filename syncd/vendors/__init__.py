"""The vendors: one folder each, all alike, and what they share.

http.py      one `Http` per connection: send, retry, translate, count
budget.py    never more calls than the vendor's window allows: window.py in one process, shared.py in all of them
breaker.py   a vendor that fails again and again is left alone for a while
auth.py      the credentials of a connection, as request headers
login.py     how tokens are come by, as data; renewing.py carries it out over tokenwire.py
failures.py  the table that turns a status and a body into one class of error
meanwhile.py what somebody typed between the engine's look and an adapter's own
stages.py    stages against a vendor's words, both ways;  countries.py: names and codes as alpha-2 codes
skew.py      the vendor's clock against ours, from ``Date`` headers
registry.py  vendor name → how to make its adapter; vendor packages load when they are used
NAME/        client.py (URLs, auth, paging, limits) mapping.py (the lens table, pure)
             login.py (its login, as data) capabilities.py (what it can do, as data)
             adapter.py (satisfies ports.vendor.Adapter) extras.py (what there is to look at beside leads)
"""
