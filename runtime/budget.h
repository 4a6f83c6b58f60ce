/* budget.h - how much may be done in a while: bytes a second, for work that nobody waits for.
 * Why a debt and not a reserve: what a step costs is known when it is done. One that was allowed
 * may cost more than there is; then nothing is allowed until time has paid for it.
 * Pure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct budget {
	uint64_t rate_bytes; /* a second; 0: no limit */
	int64_t tokens;      /* bytes; below 0: a debt. At most a tenth of a second's */
	uint64_t last_us;    /* until when it was filled */
};

/* Whether anything may be done now. */
bool budget_may(struct budget *b, uint64_t now_us);
void budget_spend(struct budget *b, uint64_t bytes);
/* When it may again, as far as is known; 0: now. */
uint64_t budget_wake_at(const struct budget *b);
