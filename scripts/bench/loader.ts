/** The benchmark's side of the load process: hands it one job after the other. */
import type { LoadAnswer, LoadJob, LoadQuestion, LoadResult } from './load-job.ts';
import type { RunningProcess, Workshop } from './workshop.ts';

export interface Loader {
  readonly pid: number;
  /** @throws Error when the load process itself fails; failed requests are part of the result. */
  run(job: LoadJob): Promise<LoadResult>;
}

export async function startLoader(workshop: Workshop): Promise<Loader> {
  const running: RunningProcess = await workshop.start({
    name: 'load',
    args: ['scripts/bench/load.ts'],
    readiness: 'message',
  });
  const { child } = running;
  let number = 0;

  function run(job: LoadJob): Promise<LoadResult> {
    const question: LoadQuestion = { number: (number += 1), job };
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error('the load process ended'));
      const hear = (answer: LoadAnswer) => {
        if (answer.number !== question.number) return;
        child.off('message', hear);
        child.off('exit', gone);
        if ('result' in answer) resolve(answer.result);
        else reject(new Error(`the load process failed: ${answer.problem}`));
      };
      child.on('message', hear);
      child.once('exit', gone);
      child.send(question);
    });
  }

  return { pid: running.pid, run };
}
