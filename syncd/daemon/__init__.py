"""The service: what is due is enqueued, workers carry it out in short slices, and the outside can watch.

Timers only enqueue; the queue decides where a slice runs; a slice does what `syncd sync` does, for one connection and
for a bounded time. Nothing here knows what a lead is: everything about leads is the engine's.
"""
