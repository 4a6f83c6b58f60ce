// job.js - one job: its name, state and actions above, one of its tabs below. The tabs are modules
// with `async function panel(root, job, ctx)` that returns {onJob, onEvent, close}, each optional;
// the job and its events come from one stream, whichever tab is open.
import {h, show, put, attr, repill, pill, lasted, count, fault, nothing} from './dom.js';
import {jobPath} from './api.js';
import {actions, ended} from './actions.js';
import {ratesOf} from './rates.js';

const tabs = [['', 'Overview', 'overview'], ['checkpoints', 'Checkpoints', 'checkpoints'],
	['recoveries', 'Recoveries', 'recoveries'], ['state', 'State', 'state'], ['tail', 'Tail', 'tail'],
	['log', 'Log', 'log'], ['errors', 'Errors', 'errors'], ['config', 'Configuration', 'config']];

const meta = job => [job.pid && 'pid ' + job.pid, job.attempt > 1 && 'attempt ' + job.attempt,
	job.parallelism && 'rescaled to ' + job.parallelism, 'for ' + lasted(job.since_wall_us),
	job.checkpoint && 'checkpoint ' + count(job.checkpoint), job.file].filter(Boolean).join(' · ');

export async function view(root, {name, tab = '', id}, ctx) {
	const found = tabs.find(t => t[0] === tab), base = '#/jobs/' + encodeURIComponent(name);
	if (!found) {
		show(root, nothing('There is no such tab. ', h('a', {href: base}, 'The job')));
		return null;
	}
	let [job, module] = await Promise.all([ctx.api(jobPath(name)),
		import(id && tab === 'checkpoints' ? './timeline.js' : `./${found[2]}.js`)]);
	const rates = ratesOf(name), state = pill(job.state), about = h('p', {class: 'quiet small'});
	const lost = h('span', {class: 'pill waiting', hidden: true}, 'no connection');
	const error = h('div', {class: 'fault', hidden: true, role: 'alert'}), buttons = actions(ctx);
	const body = h('div', {class: 'view'});
	show(root, h('div', null, h('div', {class: 'row'}, h('h1', null, name), state, lost,
		h('span', {class: 'grow'}), buttons), about), error,
	h('nav', {class: 'tabs', 'aria-label': 'Tabs of the job'}, tabs.map(([path, label]) =>
		h('a', {href: base + (path && '/' + path), 'aria-current': path === tab && 'page'}, label))), body);

	let part = {}, over = false;
	const onJob = now => {
		job = now;
		repill(state, job.state);
		put(about, meta(job));
		error.hidden = !job.error;
		attr(error, 'class', job.state === 'RUNNING' ? 'sentence' : 'fault');
		put(error, (job.state === 'RUNNING' ? 'Its last failure: ' : '') + job.error);
		buttons.update(job);
		if (job.facts)
			rates.take(job.facts);
		if (part.onJob)
			part.onJob(job);
	};
	const onEvent = (event, data) => {
		if (over)
			return;
		if (event === 'job')
			onJob(data);
		else if (event === 'action')
			ctx.say(ended(data), data.state === 'failed');
		else if (event === 'removed') {
			ctx.say(`${name} was removed`);
			ctx.go('#/jobs');
			return;
		}
		if (part.onEvent && event !== 'job')
			part.onEvent(event, data);
	};
	onJob(job);
	let stop = () => {};
	try {
		part = await module.panel(body, job, {...ctx, rates, name, id, base, path: rest => jobPath(name, rest),
			current: () => job}) || {};
		onJob(job);
	} catch (e) {
		if (e.name === 'AbortError')
			return null;
		show(body, fault(e));
	}
	if (!ctx.signal.aborted)
		stop = ctx.stream(jobPath(name, '/events'), onEvent, now => { lost.hidden = now !== 'lost'; });
	return () => {
		over = true;
		stop();
		if (part.close)
			part.close();
	};
}
