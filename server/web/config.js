// config.js - the description as it was submitted (what it refers to stays a reference), and what
// else holds for it.
import {h, show} from './dom.js';

const pretty = of => typeof of === 'string' ? of : JSON.stringify(of, null, 2);

function table(of) {
	const rows = Object.entries(of).map(([key, value]) => h('tr', null, h('th', {scope: 'row'}, key),
		h('td', {class: 'mono'}, typeof value === 'object' && value ? JSON.stringify(value) : String(value))));
	return h('table', null, h('tbody', null, rows));
}

export async function panel(root, job, ctx) {
	const said = await ctx.api(ctx.path('/config'));
	const text = said.description, over = {};
	if (said.set && Object.keys(said.set).length)
		over.set = said.set;
	if (said.parallelism)
		over.parallelism = said.parallelism;
	const copy = h('button', {onclick: async () => {
		try {
			await navigator.clipboard.writeText(pretty(text));
			ctx.say('Copied');
		} catch {
			ctx.say('The browser lets nothing be copied from here', true);
		}
	}}, 'Copy');
	show(root, h('div', {class: 'card'}, h('div', {class: 'row'}, h('h2', null, 'As submitted'),
		h('span', {class: 'grow'}), copy), h('pre', {tabindex: 0}, pretty(text))),
	said.defaults && Object.keys(said.defaults).length
		? h('div', {class: 'card scroll'}, h('h2', null, 'Of the server, where it says nothing'), table(said.defaults))
		: null,
	Object.keys(over).length ? h('div', {class: 'card scroll'}, h('h2', null, 'Said beside it'), table(over)) : null);
}
