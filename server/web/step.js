// step.js - a job one event at a time, as a picture: tasks, what their channels hold, which inputs are
// held and why, the cut as it grows. Forwards, back, killed. The server has the job (docs/REST.md,
// picture); here it is only drawn (step_picture.js).
import {h, show, put, fault, count} from './dom.js';
import {picture, inWords} from './step_picture.js';

const KEPT = 200; // lines of what happened
const NAME = 'weir-step';

const remember = id => {
	try {
		sessionStorage.setItem(NAME, id);
	} catch { /* no storage: a reload begins a new one */ }
};

function remembered() {
	try {
		return sessionStorage.getItem(NAME);
	} catch {
		return null;
	}
}

// The session of the address, the one of before, or a new one.
async function join(params, ctx) {
	if (params.id)
		return ctx.api('/v1/steps/' + encodeURIComponent(params.id));
	const id = remembered();
	if (id)
		try {
			return await ctx.api('/v1/steps/' + id);
		} catch (e) {
			if (e.status !== 404)
				throw e;
		}
	return ctx.api('/v1/steps', {method: 'POST'});
}

// What stands where a session should: why there is none, and what to do about it.
async function none(root, e, ctx, again) {
	const open = e.status === 503 ? (await ctx.api('/v1/steps')).steps : [];
	show(root, h('h1', null, 'Step by step'), fault(e),
		open.length > 0 && h('div', {class: 'card'}, h('h2', null, 'Those that are open'),
			open.map(one => h('p', {class: 'row'}, h('a', {href: '#/step/' + one.id}, `${one.job} (${one.id})`),
				h('button', {onclick: async () => {
					await ctx.api('/v1/steps/' + one.id, {method: 'DELETE'});
					again();
				}}, 'End it')))),
		h('button', {class: 'main', onclick: () => { remember(''); again(); }}, 'Begin a new one'));
}

class Step {
	constructor(root, ctx, begin) {
		Object.assign(this, {ctx, begin, busy: false, playing: 0, most: 0, log: [], now: null});
		this.build(root);
	}

	button(name, label, key, does, more) {
		const pressed = e => {
			if (e.detail) // by a pointer: the space bar still means play
				e.currentTarget.blur();
			does();
		};
		return h('button', {'data-do': name, title: `${label} (${key})`, onclick: pressed, ...more}, label, ' ',
			h('kbd', {class: 'wide'}, key));
	}

	build(root) {
		this.play = this.button('play', 'Play', 'space', () => this.toggle(), {class: 'main'});
		this.speed = h('select', {'aria-label': 'Events a second'},
			[1, 3, 10, 40].map(n => h('option', {value: n, selected: n === 3}, n + '/s')));
		this.slider = h('input', {type: 'range', min: 0, max: 1, value: 0, class: 'reel',
			'aria-label': 'Event', onchange: () => this.jump(Number(this.slider.value))});
		this.steps = [
			this.button('before', 'Barrier before', 'B', () => this.back(this.now.barrier_before)),
			this.button('back', 'Back', '←', () => this.back(this.now.events - 1)),
			this.button('next', 'Step', '→', () => this.act('next')),
			this.button('barrier', 'Next barrier', 'b', () => this.act('barrier')),
			this.button('checkpoint', 'Checkpoint', 'c', () => this.act('checkpoint')),
			this.button('kill', 'Kill -9', 'k', () => this.act('kill'), {class: 'danger'})];
		this.title = h('h1');
		this.at = h('span', {class: 'quiet', 'data-at': ''});
		this.said = h('p', {class: 'sentence step-said', 'aria-live': 'polite'});
		this.holder = h('div', {class: 'card scroll step-picture'});
		this.words = h('div', {class: 'card step-words'});
		this.list = h('ol', {class: 'step-log small'});
		this.printed = h('pre');
		this.printedCard = h('div', {class: 'card', hidden: true}, h('h2', null, 'What print_sink wrote'),
			this.printed);
		show(root, h('div', {class: 'row'}, this.title, this.at, h('span', {class: 'grow'}),
			h('button', {'data-do': 'new', onclick: () => this.begin()}, 'Begin anew')),
		h('div', {class: 'row', role: 'group', 'aria-label': 'What can be done'}, this.play, this.speed,
			this.steps),
		this.slider, this.said, this.holder, this.words,
		h('div', {class: 'card'}, h('h2', null, 'What happened'), this.list), this.printedCard, this.own());
	}

	// A job of one's own.
	own() {
		const area = h('textarea', {name: 'job', rows: 10, class: 'mono', spellcheck: 'false',
			'aria-label': 'A job file', placeholder: 'A job file; its input files are copied into memory'});
		const wrong = h('div');
		const go = async () => {
			try {
				await this.begin(area.value);
			} catch (e) {
				show(wrong, fault(e), e.text && h('pre', null, e.text));
			}
		};
		return h('details', null, h('summary', null, 'Step a job of your own'), area, wrong,
			h('button', {'data-do': 'own', onclick: go}, 'Step this job'));
	}

	path(rest) {
		return `/v1/steps/${this.now.id}/${rest}`;
	}

	// One at a time: what is pressed while one is under way is not kept.
	async act(what, query) {
		if (this.busy || !this.now || (this.now.over && what !== 'back'))
			return;
		this.busy = true;
		try {
			this.take(await this.ctx.api(this.path(what), {method: 'POST', query}), what);
		} catch (e) {
			this.pause();
			if (e.name !== 'AbortError')
				this.ctx.say(e.message, true);
		}
		this.busy = false;
	}

	back(n) {
		this.pause();
		if (this.now.events > 0 && n >= 0)
			this.act('back', {to: n});
	}

	jump(n) {
		if (n < this.now.events)
			this.back(n);
		else if (n > this.now.events)
			this.act('next', {n: n - this.now.events});
	}

	// ---- playing ----

	toggle() {
		if (this.playing)
			this.pause();
		else if (!this.now.over)
			this.tick();
		this.showPlay();
	}

	tick() {
		this.playing = setTimeout(async () => {
			if (!document.hidden)
				await this.act('next');
			if (this.playing && !this.now.over)
				this.tick();
			else
				this.pause();
		}, 1000 / Number(this.speed.value));
	}

	pause() {
		clearTimeout(this.playing);
		this.playing = 0;
		this.showPlay();
	}

	showPlay() {
		put(this.play.firstChild, this.playing ? 'Pause' : 'Play');
	}

	// ---- showing ----

	note(what) {
		if (what === 'back')
			this.log = this.log.filter(e => e.n <= this.now.events);
		for (const e of this.now.passed)
			this.log.push(e);
		if (what === 'kill')
			this.log.push({n: this.now.events, who: 'you', what: 'kill -9: tasks, channels and all that was ' +
				'in memory are gone. The disk stays.', barrier: true});
		if (what === 'checkpoint')
			this.log.push({n: this.now.events, who: 'you', what: 'ask for a checkpoint: the coordinator ' +
				'begins it when its turn comes.', barrier: true});
		this.log = this.log.slice(-KEPT);
	}

	take(now, what) {
		this.now = now;
		this.note(what);
		this.most = Math.max(this.most, now.events);
		put(this.title, 'Step by step: ' + now.job);
		put(this.at, `event ${count(now.events)}, ${(now.at_us / 1e6).toFixed(3)} s on its clock`);
		this.slider.max = Math.max(1, this.most);
		this.slider.value = now.events;
		const last = this.log.at(-1);
		show(this.said, last ? [h('b', null, last.who), ': ', last.what]
			: 'Nothing happened yet. A barrier |7| marks what belongs to checkpoint 7: what is before it does, ' +
			'what is behind it does not.');
		show(this.holder, picture(now, this.holder.clientWidth - 34 || 900));
		show(this.words, inWords(now));
		show(this.list, this.log.slice().reverse().map(e => h('li', {class: e.barrier ? 'mark' : null},
			h('span', {class: 'quiet'}, e.n + ' '), h('b', null, e.who), ': ', e.what)));
		this.printedCard.hidden = !now.printed;
		put(this.printed, now.printed.split('\n').slice(-13).join('\n'));
		for (const b of this.steps)
			b.disabled = now.over ? !['back', 'before'].includes(b.dataset.do)
				: !now.events && ['back', 'before'].includes(b.dataset.do);
		this.play.disabled = now.over;
	}

	key(e) {
		const on = e.target;
		if (on.closest('input:not([type=range]), textarea, select, dialog') || e.ctrlKey || e.altKey || e.metaKey)
			return;
		const does = {' ': () => this.toggle(), ArrowRight: () => this.act('next'),
			ArrowLeft: () => this.back(this.now.events - 1), b: () => this.act('barrier'),
			B: () => this.back(this.now.barrier_before), c: () => this.act('checkpoint'),
			k: () => this.act('kill')}[e.key];
		if (!does || !this.now || (e.key === ' ' && on.closest('button, summary, a')))
			return;
		e.preventDefault();
		e.stopPropagation(); // the frame has meanings of its own for some of them
		does();
	}
}

export async function view(root, params, ctx) {
	let it = null;
	const start = now => {
		if (it)
			it.pause();
		it = new Step(root, ctx, begin);
		remember(now.id);
		history.replaceState(null, '', '#/step/' + now.id);
		it.take(now, 'begin');
	};
	// A new session in place of this one; of this text, or the example.
	const begin = async body => {
		const now = await ctx.api('/v1/steps', {method: 'POST', body});
		if (it)
			ctx.api('/v1/steps/' + it.now.id, {method: 'DELETE'}).catch(() => {});
		start(now);
	};
	const first = async () => {
		try {
			start(await join(params, ctx));
		} catch (e) {
			if (e.name === 'AbortError')
				throw e;
			params = {};
			await none(root, e, ctx, first);
		}
	};
	const onKey = e => it && it.key(e), onSize = () => it && it.take({...it.now, passed: []});
	addEventListener('keydown', onKey, true);
	addEventListener('resize', onSize);
	await first();
	return () => {
		removeEventListener('keydown', onKey, true);
		removeEventListener('resize', onSize);
		if (it)
			it.pause();
	};
}
