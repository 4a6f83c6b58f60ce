/* budget.c - see budget.h. */
#include "runtime/budget.h"

#define SECOND 1000000u

bool budget_may(struct budget *b, uint64_t now_us)
{
	if (!b->rate_bytes)
		return true;
	uint64_t elapsed = now_us > b->last_us ? now_us - b->last_us : 0;
	uint64_t most = b->rate_bytes / 10;
	/* What makes no whole byte is left for the next look. */
	unsigned __int128 earned = (unsigned __int128)elapsed * b->rate_bytes / SECOND;
	if (!b->last_us || earned > INT64_MAX / 2) { /* the first look, or one after ages */
		b->last_us = now_us;
		b->tokens = (int64_t)most;
	} else {
		b->last_us += (uint64_t)(earned * SECOND / b->rate_bytes);
		b->tokens += (int64_t)earned;
	}
	if (b->tokens > (int64_t)most)
		b->tokens = (int64_t)most;
	return b->tokens >= 0;
}

void budget_spend(struct budget *b, uint64_t bytes)
{
	if (b->rate_bytes)
		b->tokens -= bytes < INT64_MAX / 4 ? (int64_t)bytes : INT64_MAX / 4;
}

uint64_t budget_wake_at(const struct budget *b)
{
	if (!b->rate_bytes || b->tokens >= 0)
		return 0;
	unsigned __int128 debt = (unsigned __int128)(uint64_t)-b->tokens * SECOND;
	unsigned __int128 wait = (debt + b->rate_bytes - 1) / b->rate_bytes;
	return wait > UINT64_MAX - b->last_us ? UINT64_MAX : b->last_us + (uint64_t)wait;
}
