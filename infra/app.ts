import { App, type AppProps, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { environmentConfig } from './config/environments.ts';
import { FlexpriceStage } from './stages/flexprice-stage.ts';

export interface FlexpriceAppProps extends AppProps {
  /** Folder that `npm run build` filled. */
  readonly dist: string;
}

/** The CDK app with the environment that the context value `env` names (dev unless told). Throws when there is none of that name. */
export function createApp({ dist, ...props }: FlexpriceAppProps): App {
  const app = new App(props);
  const name: unknown = app.node.tryGetContext('env') ?? 'dev';
  const config = environmentConfig(String(name));
  // Findings are errors. What is excused is excused beside its construct.
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  new FlexpriceStage(app, `flexprice-${config.name}`, { config, dist });
  return app;
}
