/* test_mailbox.c - letters from many threads to one: none lost, none twice, each sender's in
 * order. */
#include "runtime/mailbox.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <stdlib.h>

struct letter {
	struct mail mail;
	uint32_t sender, number;
};

TEST(letters_come_out_in_the_order_one_sender_put_them)
{
	struct mailbox mb;
	struct letter l[5];
	mailbox_init(&mb, NULL);
	EXPECT(mailbox_is_empty(&mb) && mailbox_take_all(&mb) == NULL);
	for (uint32_t i = 0; i < 5; i++) {
		l[i] = (struct letter){.mail.kind = (int)i + 10, .number = i};
		mailbox_put(&mb, &l[i].mail);
	}
	EXPECT(!mailbox_is_empty(&mb));
	uint32_t n = 0;
	for (struct mail *m = mailbox_take_all(&mb); m; m = m->next, n++)
		EXPECT(m == &l[n].mail && m->kind == (int)n + 10);
	EXPECT(n == 5);
	EXPECT(mailbox_is_empty(&mb) && mailbox_take_all(&mb) == NULL);
}

static void count_pokes(void *arg)
{
	++*(int *)arg;
}

TEST(a_put_wakes_a_receiver_that_prepared_to_sleep_once)
{
	struct waker w;
	struct mailbox mb;
	struct letter a = {.number = 1}, b = {.number = 2};
	int pokes = 0;
	waker_init(&w);
	w.notify = count_pokes;
	w.arg = &pokes;
	mailbox_init(&mb, &w);
	mailbox_put(&mb, &a.mail);
	EXPECT(pokes == 0); /* awake: no system call */
	waker_prepare(&w);
	mailbox_put(&mb, &b.mail);
	EXPECT(pokes == 1);
}

#define SENDERS 4
#define EACH 5000

struct sender {
	struct mailbox *mb;
	uint32_t number;
	struct letter *letter;
};

static void send_all(void *arg)
{
	struct sender *s = arg;
	for (uint32_t i = 0; i < EACH; i++) {
		s->letter[i] = (struct letter){.sender = s->number, .number = i};
		mailbox_put(s->mb, &s->letter[i].mail);
	}
}

TEST(many_senders_lose_nothing_and_a_sleeping_receiver_is_woken)
{
	struct waker w;
	struct mailbox mb;
	struct sender s[SENDERS];
	struct thread t[SENDERS];
	struct err e = {0};
	waker_init(&w);
	mailbox_init(&mb, &w);
	for (uint32_t i = 0; i < SENDERS; i++) {
		s[i] = (struct sender){.mb = &mb, .number = i,
				       .letter = calloc(EACH, sizeof(struct letter))};
		EXPECT_OK(thread_start(&t[i], send_all, &s[i], "sender", &e), &e);
	}
	uint32_t next[SENDERS] = {0}, got = 0;
	while (got < SENDERS * EACH) {
		struct mail *m = mailbox_take_all(&mb), *after;
		if (!m) {
			waker_prepare(&w);
			if (mailbox_is_empty(&mb))
				waker_sleep(&w, UINT64_MAX);
			else
				waker_cancel(&w);
			continue;
		}
		for (; m; m = after, got++) {
			after = m->next;
			struct letter *l = CONTAINER_OF(m, struct letter, mail);
			EXPECT(l->number == next[l->sender]);
			next[l->sender]++;
		}
	}
	for (uint32_t i = 0; i < SENDERS; i++) {
		thread_join(&t[i]);
		EXPECT(next[i] == EACH);
		free(s[i].letter);
	}
	EXPECT(mailbox_is_empty(&mb));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(letters_come_out_in_the_order_one_sender_put_them),
		T(a_put_wakes_a_receiver_that_prepared_to_sleep_once),
		T(many_senders_lose_nothing_and_a_sleeping_receiver_is_woken),
	};
	return RUN(tests);
}
