/* step_marks.c - see step_marks.h. */
#include "cli/step_marks.h"

#include <string.h>

void step_marks_add(struct step_marks *m, uint64_t event)
{
	if (m->n == STEP_MARKS_MAX) {
		m->n /= 2;
		memmove(m->at, m->at + m->n, m->n * sizeof *m->at);
	}
	m->at[m->n++] = event;
}

uint64_t step_marks_before(const struct step_marks *m, uint64_t event)
{
	for (size_t i = m->n; i-- > 0;)
		if (m->at[i] < event)
			return m->at[i];
	return 0;
}

void step_marks_back(struct step_marks *m, uint64_t event)
{
	while (m->n && m->at[m->n - 1] > event)
		m->n--;
}
