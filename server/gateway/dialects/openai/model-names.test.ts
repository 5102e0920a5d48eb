import { describe, expect, it } from 'vitest';
import { readModelName } from './model-names.ts';

const ids = ['gpt-5.4', 'gpt-5.4-mini', 'gpt-5.6-terra', 'gpt-5.6-sol', 'gpt-5.1-codex-max', 'team/own', 'nick'];

describe('the name of a model', () => {
  it.each([
    ['gpt-5.4', 'gpt-5.4', null, null],
    [' GPT-5.4 ', 'gpt-5.4', null, null],
    ['openai/gpt-5.6-terra', 'gpt-5.6-terra', null, null],
    ['codex-pooler/gpt-5.6-terra', 'gpt-5.6-terra', null, null],
    ['team/own', 'team/own', null, null],
    ['nick', 'nick', null, null],
    ['gpt-5.4-mini-high', 'gpt-5.4-mini', 'high', null],
    ['gpt-5.1-codex-max', 'gpt-5.1-codex-max', null, null],
    ['openai/gpt-5.6-sol-high-fast', 'gpt-5.6-sol', 'high', 'priority'],
    ['gpt-5.6-sol-low-high', 'gpt-5.6-sol', 'high', null],
    ['gpt-5.6-sol-extra-thinking', 'gpt-5.6-sol', 'high', null],
    ['gpt-5.6-sol-reasoning', 'gpt-5.6-sol', null, null],
    ['gpt-5.6-sol(high)', 'gpt-5.6-sol', 'high', null],
    ['gpt-5.6-sol(MAX)', 'gpt-5.6-sol', 'max', null],
    ['gpt-5.6-sol(512)', 'gpt-5.6-sol', 'minimal', null],
    ['gpt-5.6-sol(1024)', 'gpt-5.6-sol', 'low', null],
    ['gpt-5.6-sol(8192)', 'gpt-5.6-sol', 'medium', null],
    ['gpt-5.6-sol(24576)', 'gpt-5.6-sol', 'high', null],
    ['gpt-5.6-sol(24577)', 'gpt-5.6-sol', 'xhigh', null],
    ['gpt-5.6-sol(loud)', null, null, null],
    ['gpt-5.6-sol-max', null, null, null],
    ['gpt-5.6-sol-high-wizard', null, null, null],
    ['gpt-5.6-sol-', null, null, null],
    ['gpt-9', null, null, null],
    ['constructor', null, null, null],
    ['gpt-5.4-constructor', null, null, null],
  ])('%s means %s with effort %s and tier %s', (name, model, effort, tier) => {
    expect(readModelName(name, ids)).toEqual({ model, effort, tier });
  });
});
