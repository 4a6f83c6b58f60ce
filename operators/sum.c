/* sum.c - see sum.h. Each loop is written once and instantiated for its cases, so that the common
 * one (integers, no nulls) is a load, an add with its overflow test, and two stores. */
#include "operators/sum.h"

#define EACH_WAY(loop)                                                                             \
	(r->sel ? (out ? loop(r, r->sel, v, out) : loop(r, r->sel, v, NULL))                       \
		: (out ? loop(r, NULL, v, out) : loop(r, NULL, v, NULL)))
#define INLINE static inline __attribute__((always_inline))

INLINE uint32_t add_i64(const struct sum_rows *r, const uint16_t *sel, const struct column *v,
			struct column *out)
{
	for (uint32_t i = r->from; i < r->n; i++) {
		uint32_t row = sel ? sel[i] : i;
		int64_t *place = r->place[i], sum;
		if (__builtin_expect(__builtin_add_overflow(*place, v->i64[row], &sum), 0))
			return i;
		*place = sum;
		if (out)
			out->i64[row] = sum;
	}
	return r->n;
}

uint32_t sum_i64(const struct sum_rows *r, const struct column *v, struct column *out)
{
	return EACH_WAY(add_i64);
}

INLINE uint32_t add_f64(const struct sum_rows *r, const uint16_t *sel, const struct column *v,
			struct column *out)
{
	for (uint32_t i = r->from; i < r->n; i++) {
		uint32_t row = sel ? sel[i] : i;
		double *place = r->place[i];
		double sum = *place + v->f64[row];
		*place = sum;
		if (out)
			out->f64[row] = sum;
	}
	return r->n;
}

void sum_f64(const struct sum_rows *r, const struct column *v, struct column *out)
{
	(void)EACH_WAY(add_f64);
}

/* ---- with nulls: a null adds nothing; a key that met nothing else has no sum ---- */

struct sum_null {
	union {
		int64_t i64;
		double f64;
	};
	uint64_t count;
};

static void nulls_begin(const struct sum_rows *r, struct column *out)
{
	if (!out || r->from)
		return;
	out->has_valid = true;
	memset(out->valid, 0, sizeof out->valid);
}

INLINE uint32_t add_i64_null(const struct sum_rows *r, const uint16_t *sel, const struct column *v,
			     struct column *out)
{
	for (uint32_t i = r->from; i < r->n; i++) {
		uint32_t row = sel ? sel[i] : i;
		struct sum_null *place = r->place[i];
		if (!column_is_null(v, row)) {
			int64_t sum;
			if (__builtin_expect(__builtin_add_overflow(place->i64, v->i64[row], &sum), 0))
				return i;
			place->i64 = sum;
			place->count++;
		}
		if (out) {
			out->i64[row] = place->i64;
			if (place->count)
				bit_set(out->valid, row);
		}
	}
	return r->n;
}

uint32_t sum_i64_null(const struct sum_rows *r, const struct column *v, struct column *out)
{
	nulls_begin(r, out);
	return EACH_WAY(add_i64_null);
}

INLINE uint32_t add_f64_null(const struct sum_rows *r, const uint16_t *sel, const struct column *v,
			     struct column *out)
{
	for (uint32_t i = r->from; i < r->n; i++) {
		uint32_t row = sel ? sel[i] : i;
		struct sum_null *place = r->place[i];
		if (!column_is_null(v, row)) {
			place->f64 += v->f64[row];
			place->count++;
		}
		if (out) {
			out->f64[row] = place->f64;
			if (place->count)
				bit_set(out->valid, row);
		}
	}
	return r->n;
}

void sum_f64_null(const struct sum_rows *r, const struct column *v, struct column *out)
{
	nulls_begin(r, out);
	(void)EACH_WAY(add_f64_null);
}

__int128 sum_of_rows(const struct sum_rows *r, uint32_t from, const struct column *v)
{
	__int128 sum = 0;
	for (uint32_t i = from; i < r->n; i++) {
		uint32_t row = r->sel ? r->sel[i] : i;
		sum += column_is_null(v, row) ? 0 : v->i64[row];
	}
	return sum;
}
