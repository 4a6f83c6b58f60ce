/* forecast.c - see forecast.h. Least squares, and some questions to the line before it speaks. */
#include "jobs/forecast.h"

#include <math.h>
#include <stdio.h>

/* All by feel. */
#define POINTS_LEAST 8
#define SURE 4.0         /* the slope is so many of its standard errors away from none */
#define SURE_LATELY 2.0  /* the same of the newer half alone, which has fewer points */
#define LATELY 0.5       /* and it goes on at least at this share of the whole's slope */
#define FARTHEST 100.0   /* times as far as was seen */
#define APART_US 1000000 /* checkpoints closer than this say the same */
#define CHECKPOINTS_MOST 1000
#define TIME_MOST_US (7.0 * 24 * 3600 * 1e6)

/* ---- the line ---- */

struct line {
	double slope, error; /* error: the slope's standard error */
	double end;          /* its value at the newest point */
};

static void line_through(const struct forecast_point *p, size_t n, struct line *l)
{
	double at = 0, value = 0, xx = 0, xy = 0, rest = 0;
	for (size_t i = 0; i < n; i++) {
		at += p[i].at / (double)n;
		value += p[i].value / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		xx += (p[i].at - at) * (p[i].at - at);
		xy += (p[i].at - at) * (p[i].value - value);
	}
	*l = (struct line){.slope = xx > 0 ? xy / xx : 0};
	for (size_t i = 0; i < n; i++) {
		double off = p[i].value - value - l->slope * (p[i].at - at);
		rest += off * off;
	}
	l->error = n > 2 && xx > 0 ? sqrt(rest / (double)(n - 2) / xx) : 0;
	l->end = n ? value + l->slope * (p[n - 1].at - at) : 0;
}

static bool is_sure(const struct line *l, double sure)
{
	return l->slope != 0 && fabs(l->slope) >= sure * l->error;
}

bool forecast_reach(const struct forecast_point *p, size_t n, double limit, double *left)
{
	struct line all, late;
	size_t half = n / 2;
	if (n < POINTS_LEAST)
		return false;
	line_through(p, n, &all);
	line_through(p + half, n - half, &late);
	/* A step long ago looks like growth to the whole, not to its newer half. */
	if (!is_sure(&all, SURE) || !is_sure(&late, SURE_LATELY) || late.slope / all.slope < LATELY)
		return false;
	*left = (limit - all.end) / all.slope;
	if ((limit - p[0].value) / all.slope < 0) /* it was beyond from the beginning, or goes away */
		return false;
	if (*left < 0)
		*left = 0;
	return *left <= FARTHEST * (p[n - 1].at - p[0].at);
}

/* ---- words ---- */

/* Two figures at most: it is a guess. */
static double rounded(double v)
{
	double unit = 1;
	while (v / unit >= 100)
		unit *= 10;
	return round(v / unit) * unit;
}

static const char *about(double us, char to[48])
{
	static const struct {
		double us;
		const char *one;
	} units[] = {{86400e6, "day"}, {3600e6, "hour"}, {60e6, "minute"}, {1e6, "second"}};
	size_t i = 0;
	while (i < 3 && us < 2 * units[i].us)
		i++;
	double n = rounded(us / units[i].us);
	if (n < 1)
		snprintf(to, 48, "moments");
	else
		snprintf(to, 48, "about %.0f %s%s", n, units[i].one, n < 2 ? "" : "s");
	return to;
}

static const char *bytes_words(uint64_t bytes, char to[48])
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
	double v = (double)bytes;
	size_t i = 0;
	for (; i < 5 && v >= 1000; i++)
		v /= 1000;
	snprintf(to, 48, v < 10 && i ? "%.1f %s" : "%.0f %s", v, units[i]);
	return to;
}

/* ---- what they are asked about ---- */

enum asked { ASKED_DURATION, ASKED_ROOM, ASKED_MEMORY };

static bool point_of(const struct forecast_checkpoint *c, enum asked what, struct forecast_point *p)
{
	p->at = (double)c->wall_us;
	switch (what) {
	case ASKED_DURATION:
		*p = (struct forecast_point){(double)c->id, (double)c->total_us};
		return !c->full;
	case ASKED_ROOM:
		p->value = (double)c->room_bytes;
		return c->room_bytes != 0;
	case ASKED_MEMORY:
		p->value = (double)c->memory_bytes;
		return true;
	}
	return false;
}

/* The newest that count, oldest first at the end of p; returns where they begin. */
static size_t points_of(const struct forecast_checkpoint *c, size_t n, enum asked what,
			struct forecast_point p[FORECAST_POINTS])
{
	size_t first = FORECAST_POINTS;
	int64_t before_us = INT64_MAX;
	for (size_t i = n; i-- && first;) {
		if (c[i].wall_us > before_us - APART_US || !point_of(&c[i], what, &p[first - 1]))
			continue;
		before_us = c[i].wall_us;
		first--;
	}
	return first;
}

static bool asked_reach(const struct forecast_checkpoint *c, size_t n, enum asked what,
			double limit, double *left)
{
	struct forecast_point p[FORECAST_POINTS];
	size_t first = points_of(c, n, what, p);
	return forecast_reach(p + first, FORECAST_POINTS - first, limit, left);
}

bool forecast_timeout(const struct forecast_checkpoint *c, size_t n,
		      const struct forecast_limits *l, char to[FORECAST_TEXT])
{
	double left;
	if (!l->timeout_us || !asked_reach(c, n, ASKED_DURATION, (double)l->timeout_us, &left) ||
	    left > CHECKPOINTS_MOST)
		return false;
	left = left < 1 ? 1 : rounded(left);
	snprintf(to, FORECAST_TEXT, "checkpoints take longer and longer: at this growth "
		 "checkpoint.timeout (%.10g s) is reached in about %.0f checkpoint%s",
		 (double)l->timeout_us / 1e6, left, left < 2 ? "" : "s");
	return true;
}

bool forecast_disk(const struct forecast_checkpoint *c, size_t n, char to[FORECAST_TEXT])
{
	double left;
	char when[48], room[48];
	if (!asked_reach(c, n, ASKED_ROOM, 0, &left) || left > TIME_MOST_US)
		return false;
	snprintf(to, FORECAST_TEXT, "at this growth the disk is full in %s (%s are left)",
		 about(left, when), bytes_words(c[n - 1].room_bytes, room));
	return true;
}

bool forecast_memory(const struct forecast_checkpoint *c, size_t n,
		     const struct forecast_limits *l, char to[FORECAST_TEXT])
{
	double left;
	char when[48], limit[48], used[48];
	if (!l->memory_bytes || !asked_reach(c, n, ASKED_MEMORY, (double)l->memory_bytes, &left) ||
	    left > TIME_MOST_US)
		return false;
	snprintf(to, FORECAST_TEXT, "at this growth the job's memory reaches limits.memory (%s) in %s "
		 "(it has %s now)", bytes_words(l->memory_bytes, limit), about(left, when),
		 bytes_words(c[n - 1].memory_bytes, used));
	return true;
}

bool forecast_end(uint64_t left_us, char to[FORECAST_TEXT])
{
	char when[48];
	if (!left_us)
		return false;
	snprintf(to, FORECAST_TEXT, "all input is read in %s", about((double)left_us, when));
	return true;
}
