// actions.js - what can be done to a job: each button says in a dialog what it will do, and is sent
// only after that. How it ended comes as an event (job.js says it).
import {h} from './dom.js';
import {jobPath} from './api.js';

const LIVE = ['RUNNING'], UP = ['STARTING', 'RUNNING', 'WAITING'];
export const FINAL = ['STOPPED', 'CANCELLED', 'FINISHED', 'FAILED'];

const check = (name, text) =>
	h('label', {class: 'check'}, h('input', {type: 'checkbox', name, value: '1'}), text);
const field = (name, text, more) => h('label', null, text, h('input', {name, autocomplete: 'off', ...more}));

const all = [
	{kind: 'checkpoint', label: 'Checkpoint', when: LIVE, yes: 'Take it',
		text: 'Takes a checkpoint now. The job goes on meanwhile.',
		fields: () => [check('full', 'write everything, not only what changed')]},
	{kind: 'savepoint', label: 'Savepoint', when: LIVE, yes: 'Take it',
		text: 'Takes a checkpoint into a directory of its own, which is never removed by itself.',
		fields: () => [field('name', 'Name (or none: its number)', {pattern: '[A-Za-z0-9_\\-]+'})]},
	{kind: 'rescale', label: 'Rescale', when: [...UP, ...FINAL], yes: 'Rescale',
		text: 'A checkpoint, then the job goes on from it with this many subtasks a stage.',
		fields: job => [field('parallelism', 'Subtasks of each stage that does not say its own',
			{type: 'number', min: 1, max: 32768, required: true, value: job.parallelism || 2})]},
	{kind: 'stop', label: 'Stop', when: UP, yes: 'Stop it',
		text: 'Takes a final checkpoint and stops. It stays stopped until it is restarted, and goes on ' +
			'then where it was.',
		fields: () => [check('drain', 'drain: let it finish what it has read, and end its output'),
			check('savepoint', 'make the final checkpoint a savepoint')]},
	{kind: 'restart', label: 'Restart', when: [...UP, ...FINAL], yes: 'Restart it', main: FINAL,
		text: 'It goes on from its newest checkpoint, in a new process.'},
	{kind: 'kill', label: 'Kill -9', when: LIVE, yes: 'Kill it', danger: true,
		text: 'Sends SIGKILL to its process, as a crash would. The server starts it again from its newest ' +
			'checkpoint: nothing is lost and nothing doubled. Watch it recover.'},
	{kind: 'cancel', label: 'Cancel', when: UP, yes: 'Cancel it', danger: true, no: 'Let it be',
		text: 'Ends it at once, without a last checkpoint. By its description its checkpoints may go too.',
		fields: () => [check('with_savepoints', 'even if savepoints go with its directory')]},
	{kind: 'remove', label: 'Remove', when: FINAL, yes: 'Remove it', danger: true,
		text: 'Deletes the job, its checkpoints and its log. This cannot be undone.',
		fields: () => [check('with_savepoints', 'its savepoints too')]},
];

async function act(a, job, ctx) {
	const said = await ctx.dialog({title: `${a.label}: ${job.name}`, text: a.text, danger: a.danger,
		fields: a.fields ? a.fields(job) : [], yes: a.yes, no: a.no});
	if (!said)
		return;
	try {
		await ctx.api(jobPath(job.name, '/' + a.kind), {method: 'POST', query: said});
		ctx.say(`${a.label}: asked for`);
	} catch (e) {
		ctx.say(e.message, true);
	}
}

// The buttons of a job; update(job) shows those that make sense in its state.
export function actions(ctx) {
	let job = null;
	const buttons = all.map(a => ({a, node: h('button', {hidden: true, 'data-act': a.kind, class: a.danger && 'risky',
		onclick: () => act(a, job, ctx)}, a.label)}));
	const node = h('div', {class: 'row', role: 'group', 'aria-label': 'What can be done'},
		buttons.map(b => b.node));
	node.update = now => {
		job = now;
		for (const b of buttons) {
			b.node.hidden = !b.a.when.includes(job.state);
			b.node.classList.toggle('main', !!b.a.main && b.a.main.includes(job.state));
		}
	};
	return node;
}

export function ended(action) {
	const what = action.kind[0].toUpperCase() + action.kind.slice(1);
	if (action.state === 'failed')
		return `${what}: ${action.error || action.code}`;
	return action.checkpoint ? `${what}: done, checkpoint ${action.checkpoint}` : `${what}: done`;
}
