/* life_disk.c - a life and the catalogue: what is to be saved and erased, and how that ended. See
 * life.h. */
#include "server/life_in.h"

#define AGAIN_FIRST_US UINT64_C(1000000) /* by feel, as the next line */
#define AGAIN_MAX_US UINT64_C(60000000)

static bool wanted_erase(const struct life *l)
{
	return l->goal == STANDING_CANCELLED && l->erase;
}

bool life_needs_save(const struct life *l)
{
	return !l->disk.sure || l->owed || l->disk.standing != l->goal ||
	       l->disk.erase != wanted_erase(l);
}

bool life_save(struct life *l)
{
	if (l->saving || l->erasing || !life_needs_save(l))
		return false;
	if (!life_is_undecided(l) && l->now_us < l->again_us)
		return false;
	l->saving = true;
	l->saving_standing = l->goal;
	l->saving_erase = wanted_erase(l);
	l->saving_action = life_is_undecided(l) ? l->asked->action : 0;
	l->owed = false;
	struct life_todo *t = life_do(l, LIFE_SAVE);
	t->standing = (unsigned char)l->goal;
	t->erase = l->saving_erase;
	return true;
}

static void disk_failed(struct life *l)
{
	uint64_t twice_us = 2 * l->again_delay_us;
	l->again_delay_us = !twice_us ? AGAIN_FIRST_US :
			    twice_us < AGAIN_MAX_US ? twice_us : AGAIN_MAX_US;
	l->again_us = life_later(l->now_us, l->again_delay_us);
}

static void disk_works(struct life *l)
{
	l->again_us = l->again_delay_us = 0;
}

static bool is_asker_of_save(const struct life *l)
{
	return l->asked && l->saving_action == l->asked->action;
}

void life_saved(struct life *l)
{
	CHECK(l->saving);
	l->saving = false;
	l->disk.standing = l->saving_standing;
	l->disk.erase = l->saving_erase;
	l->disk.sure = true;
	disk_works(l);
	if (is_asker_of_save(l))
		life_asked_is_saved(l);
	else if (l->saving_action) /* whoever asked was overridden meanwhile: it is true all the same */
		life_hold(l, l->saving_standing);
}

void life_save_failed(struct life *l, const struct err *why)
{
	CHECK(l->saving);
	l->saving = false;
	l->disk.sure = false;
	disk_failed(l);
	/* Also a cancel whose last save, that its files are erased, failed: it may be told now, the
	 * save is repeated. */
	if (is_asker_of_save(l) || (l->asked && l->asked->saved && l->asked->kind == LIFE_EV_CANCEL))
		life_asked_has_failed(l, why);
	else if (l->saving_action) /* of a restart that was overridden */
		l->renew = l->renew && l->told;
}

bool life_erase(struct life *l)
{
	if (l->saving || l->erasing || l->process || l->goal != l->holds || life_needs_save(l) ||
	    l->now_us < l->again_us || l->over)
		return false;
	if (l->goal == STANDING_REMOVED && l->erased) {
		l->erasing = ERASING_ENTRY;
		life_do(l, LIFE_DROP);
		return true;
	}
	if (l->goal != STANDING_REMOVED && !wanted_erase(l))
		return false;
	l->erasing = ERASING_FILES;
	life_do(l, LIFE_ERASE)->removing = l->goal == STANDING_REMOVED;
	return true;
}

void life_erased(struct life *l)
{
	CHECK(l->erasing);
	disk_works(l);
	if (l->erasing == ERASING_ENTRY)
		l->over = true;
	else if (l->holds == STANDING_REMOVED)
		l->erased = true;
	else
		l->erase = false;
	l->erasing = ERASING_NOTHING;
}

void life_erase_failed(struct life *l, const struct err *why)
{
	CHECK(l->erasing);
	l->erasing = ERASING_NOTHING;
	disk_failed(l);
	if (l->asked && l->asked->saved)
		life_asked_has_failed(l, why);
}
