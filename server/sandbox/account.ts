/** One ChatGPT account of the sandbox: who it is, what it may use, what it is scripted to do and what it has served. */
import { toFailure, type Failure } from './behaviours/failure.ts';
import { bindAnswer, type Answer } from './behaviours/registry.ts';
import { modelFrom, modelsOfPlan, renderCatalog, type CatalogModel, type ModelSeed } from './catalog.ts';
import { hexFrom, uuidFrom } from './ids.ts';
import { createQuota, type AdditionalLimit, type Credits, type Quota, type WindowSeed } from './quota.ts';
import { createScript, type Script } from './script.ts';
import type { UsageTokens } from './steps.ts';
import { codexClientId, type TokenOffice, type TokenSubject } from './tokens.ts';
import type { Parts } from './turn.ts';

/** What a test may decide about an account. Everything has a default. */
export interface AccountSeed {
  /** `chatgpt_account_id`; derived from the name when absent. Two accounts may share `userId` and `email`. */
  readonly id: string;
  readonly userId: string;
  readonly email: string;
  /** Any plan word of wire spec B5; `plus` when absent. */
  readonly plan: string;
  /** Five hours and a week, empty, when absent. An empty list is a usage-based plan without windows. */
  readonly windows: readonly WindowSeed[];
  readonly credits: Credits | null;
  readonly additionalLimits: readonly AdditionalLimit[];
  /** What one answer adds to the shortest window; 0.1 when absent, 0 for accounts that never run out. */
  readonly percentPerAnswer: number;
  /** Slugs; those of the plan when absent. Slugs that the sandbox does not know become models of their own. */
  readonly models: readonly ModelSeed[];
  /** Life of an access token; ten days when absent (wire spec B4). */
  readonly tokenLifeSeconds: number;
  /** Tokens an answer reports unless it says otherwise. */
  readonly usage: Partial<UsageTokens>;
  readonly resetCredits: number;
  readonly computeResidency: string;
  readonly fedramp: boolean;
  readonly workspaceOrigin: string;
  readonly routingOverride: string;
}

export interface AccountCounters {
  /** Inference answers begun, prewarms not counted. */
  requests: number;
  prewarms: number;
  refreshes: number;
  /** Sum of the `total_tokens` that were reported in terminal events. */
  usedTokens: number;
  inputTokens: number;
  cachedTokens: number;
  outputTokens: number;
  /** Streams that are being sent now. */
  openStreams: number;
  openSockets: number;
}

/** A banked reset (wire spec B10). */
export interface ResetCredit {
  readonly id: string;
  status: 'available' | 'redeeming' | 'redeemed';
  readonly grantedAt: Date;
  redeemedAt: Date | null;
}

/** How `accounts/check` speaks about the account (wire spec B8). */
export interface AccountsCheckFlags {
  workspaceOrigin: string;
  routingOverride: string;
  /** The account is missing from the list. */
  missing: boolean;
}

/** What a test holds in its hands. */
export interface SandboxAccount {
  readonly name: string;
  readonly id: string;
  readonly userId: string;
  readonly email: string;
  readonly plan: string;
  readonly counters: Readonly<AccountCounters>;
  readonly quota: Quota;
  /** An auth.json as the CLI writes it, with the live tokens of a new login (wire spec B6). */
  authJson(overrides?: Record<string, unknown>): string;
  /** The tokens of a new login, for callers that need them one by one. */
  signIn(): { idToken: string; accessToken: string; refreshToken: string };
  /** A live `at-` token (wire spec B7). */
  personalAccessToken(): string;
  /** Queues an answer; a bare text is N1 with that text. Account service behaviours queue for their own service. */
  answers(answer?: Answer | string): this;
  thenAnswers(answer?: Answer | string): this;
  /** Queues a refusal by status, as wire spec B15 shapes it. */
  fails(status: number, details?: Failure): this;
  thenFails(status: number, details?: Failure): this;
  /** Queues an answer that is cut by a TCP reset after so many text deltas. */
  dropsAfter(deltas: number): this;
  thenDropsAfter(deltas: number): this;
  /** Replaces the default for its stage, for all requests that find the queue empty. */
  always(answer: Answer | string): this;
  /** Forgets what is queued and what `always` set. */
  forgetScript(): this;
  /** Every access token issued so far is answered with 401 `token_expired`; a refresh helps. */
  expireAccessTokens(): void;
  /** Every access token issued so far is answered with 401 `token_invalidated`. */
  invalidateAccessTokens(): void;
  windows(windows: readonly WindowSeed[]): this;
  credits(credits: Credits | null): this;
  additionalLimits(limits: readonly AdditionalLimit[]): this;
  models(models: readonly ModelSeed[]): this;
  /** The plan the next tokens, headers and usage answers name. */
  changePlan(plan: string): this;
  resetCredits(available: number): this;
  readonly accountsCheck: AccountsCheckFlags;
}

/** The same account as the rest of the sandbox sees it. */
export interface Account extends SandboxAccount, TokenSubject {
  readonly counters: AccountCounters;
  readonly script: Script;
  readonly usagePerAnswer: UsageTokens;
  readonly credit: ResetCredit[];
  /** Redeem request ids that were already answered, with the answer. */
  readonly redemptions: Map<string, unknown>;
  catalog(clientVersion: string | undefined): { body: string; etag: string };
  findModel(slug: string): CatalogModel | undefined;
  nextTurn(): number;
  report(usage: UsageTokens): void;
}

const tenDaysSeconds = 864_000;
const usualWindows: readonly WindowSeed[] = [{ minutes: 300 }, { minutes: 10_080 }];
const usualUsage: UsageTokens = { inputTokens: 100, cachedTokens: 40, outputTokens: 7, reasoningTokens: 0 };

export function createAccount(options: {
  readonly name: string;
  readonly seed: Partial<AccountSeed>;
  readonly parts: Parts;
  readonly tokens: TokenOffice;
}): Account {
  const { name, seed, parts, tokens } = options;
  let plan = seed.plan ?? 'plus';
  let chosenModels = seed.models?.map(modelFrom);
  let turns = 0;
  const catalogs = new Map<string, { body: string; etag: string }>();
  const script = createScript();
  const queue = (answer: { readonly behaviour: string } | string) => {
    const bound = bindAnswer(answer);
    bound.apply(account);
    if (bound.stage) script.add(bound);
    return account;
  };
  const offered = () => chosenModels ?? modelsOfPlan(plan);

  const account: Account = {
    name,
    id: seed.id ?? uuidFrom(`account ${name}`),
    userId: seed.userId ?? `user-${hexFrom(name, 24)}`,
    email: seed.email ?? `${name}@sandbox.example`,
    get plan() {
      return plan;
    },
    tokenLifeSeconds: seed.tokenLifeSeconds ?? tenDaysSeconds,
    computeResidency: seed.computeResidency ?? 'no_constraint',
    fedramp: seed.fedramp ?? false,
    script,
    quota: createQuota(parts.clock, {
      windows: seed.windows ?? usualWindows,
      credits: seed.credits === undefined ? { hasCredits: false, unlimited: false, balance: '0' } : seed.credits,
      additionalLimits: seed.additionalLimits ?? [],
      percentPerAnswer: seed.percentPerAnswer ?? 0.1,
    }),
    usagePerAnswer: { ...usualUsage, ...seed.usage },
    counters: {
      requests: 0,
      prewarms: 0,
      refreshes: 0,
      usedTokens: 0,
      inputTokens: 0,
      cachedTokens: 0,
      outputTokens: 0,
      openStreams: 0,
      openSockets: 0,
    },
    credit: [],
    redemptions: new Map(),
    accountsCheck: {
      workspaceOrigin: seed.workspaceOrigin ?? 'NO_CONSTRAINT',
      routingOverride: seed.routingOverride ?? 'NO_CONSTRAINT',
      missing: false,
    },
    signIn: () => tokens.issue(account),
    personalAccessToken: () => tokens.issuePersonal(account),
    authJson: (overrides = {}) => JSON.stringify({ ...authFile(account, tokens.issue(account), parts), ...overrides }),
    answers: (answer = { behaviour: 'N1' }) => queue(answer),
    thenAnswers: (answer) => account.answers(answer),
    fails: (status, details) => queue(toFailure(status, details)),
    thenFails: (status, details) => account.fails(status, details),
    dropsAfter: (deltas) => account.answers({ behaviour: 'F9', at: 'deltas', deltas }),
    thenDropsAfter: (deltas) => account.dropsAfter(deltas),
    always(answer) {
      const bound = bindAnswer(answer);
      bound.apply(account);
      if (bound.stage) script.setStanding(bound);
      return account;
    },
    forgetScript() {
      script.clear();
      return account;
    },
    expireAccessTokens: () => tokens.endAccessTokens(name, 'expired'),
    invalidateAccessTokens: () => tokens.endAccessTokens(name, 'invalidated'),
    windows: (windows) => (account.quota.setWindows(windows), account),
    credits: (credits) => (account.quota.setCredits(credits), account),
    additionalLimits: (limits) => (account.quota.setAdditionalLimits(limits), account),
    models(models) {
      chosenModels = models.map(modelFrom);
      catalogs.clear();
      return account;
    },
    changePlan(next) {
      plan = next;
      catalogs.clear();
      return account;
    },
    resetCredits(available) {
      account.credit.length = 0;
      for (let made = 0; made < available; made += 1) {
        const id = parts.ids.next('RateLimitResetCredit');
        account.credit.push({ id, status: 'available', grantedAt: parts.clock.now(), redeemedAt: null });
      }
      return account;
    },
    catalog(clientVersion) {
      const key = clientVersion ?? '';
      const known = catalogs.get(key);
      if (known) return known;
      const rendered = renderCatalog(offered(), clientVersion ?? newestVersion);
      catalogs.set(key, rendered);
      return rendered;
    },
    findModel: (slug) => offered().find((model) => model.slug === slug),
    nextTurn: () => (turns += 1),
    report(usage) {
      account.counters.inputTokens += usage.inputTokens;
      account.counters.cachedTokens += usage.cachedTokens;
      account.counters.outputTokens += usage.outputTokens;
      account.counters.usedTokens += usage.inputTokens + usage.outputTokens;
    },
  };
  if (seed.resetCredits) account.resetCredits(seed.resetCredits);
  return account;
}

/** Catalog version of answers that name no client version: what the newest CLI seen gets (wire spec, evidence tags). */
const newestVersion = '0.169.0';

function authFile(
  account: TokenSubject,
  tokens: { idToken: string; accessToken: string; refreshToken: string },
  parts: Parts,
): Record<string, unknown> {
  return {
    auth_mode: 'chatgpt',
    OPENAI_API_KEY: null,
    tokens: {
      id_token: tokens.idToken,
      access_token: tokens.accessToken,
      refresh_token: tokens.refreshToken,
      account_id: account.id,
      oauth_provenance: { issuer: 'https://auth.openai.com', client_id: codexClientId },
    },
    last_refresh: parts.clock.now().toISOString().replace('Z', '000Z'),
  };
}
